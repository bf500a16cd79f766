"""Names of the acts that this app writes into the ledger. Unknown names are refused there."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """Dotted names: app, noun, past participle."""

    MONITORS_STARTED = "monitoring.monitors.started"
    PLAN_CHANGED = "monitoring.plan.changed"
    REFERENCE_CHANGED = "monitoring.reference.changed"
    BATCH_RECEIVED = "monitoring.batch.received"
    BATCH_READ_AGAIN = "monitoring.batch.read_again"
    BATCH_VIEWED = "monitoring.batch.viewed"
    OUTCOMES_RECEIVED = "monitoring.outcomes.received"
    OUTCOMES_MATCHED = "monitoring.outcomes.matched"
    OUTCOMES_TRIED_AGAIN = "monitoring.outcomes.tried_again"
    OUTCOMES_VIEWED = "monitoring.outcomes.viewed"
    FILE_REFUSED = "monitoring.file.refused"
    SOURCE_DECLARED = "monitoring.source.declared"
    SOURCE_ENDED = "monitoring.source.ended"
    SOURCE_TRIED_AGAIN = "monitoring.source.tried_again"
    WINDOWS_ORDERED = "monitoring.source.windows_ordered"
    WINDOW_REFUSED = "monitoring.source.window_refused"
    OUTCOME_SOURCE_DECLARED = "monitoring.outcome_source.declared"
    OUTCOME_SOURCE_ENDED = "monitoring.outcome_source.ended"
    OUTCOME_SOURCE_CORRECTS = "monitoring.outcome_source.corrects"
    OUTCOME_SOURCE_TRIED_AGAIN = "monitoring.outcome_source.tried_again"
    OUTCOME_SOURCE_REFUSED = "monitoring.outcome_source.refused"
    CONNECTION_DENIED = "monitoring.connection.denied"
    READING_FINISHED = "monitoring.reading.finished"
    READING_RESULT_REFUSED = "monitoring.reading.result_refused"
    ALARM_NOTED = "monitoring.alarm.noted"
    MUTE_ENDED = "monitoring.mute.ended"
    MONITOR_BREACHED = "monitoring.monitor.breached"
    MONITOR_UNANSWERED = "monitoring.monitor.unanswered"
