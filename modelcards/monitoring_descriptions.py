"""What every field of the card's monitoring section means, in one sentence each."""

from __future__ import annotations

MONITORING: dict[str, dict[str, str]] = {
    "RetirementItem": {
        "": "One item of the decommission checklist.",
        "text": "What has to be done.",
        "asked_of": "The roles that may answer it.",
        "applies": "Whether it applies; if not, `evidence` says why.",
        "evidence": "What shows that it is done; empty while nobody has answered.",
        "printed_name": "Who answered.",
        "role_title": "The role that they answered in.",
        "answered_at": "When.",
    },
    "MonitoringPlan": {
        "": "What is watched after approval.",
        "monitors": "The monitors of the policy.",
        "text": "The submitter's own plan, Markdown.",
        "record": "What was read so far, on a card that is issued again; left out on the first one.",
    },
    "MonitoringRecord": {
        "": "The record of monitoring that a card was issued with.",
        "sha256": "Digest of the record, which is evidence of its own.",
        "since": "First day that it counts: the approval, or the record that the last renewal rests on.",
        "until": "Last day.",
        "batches": "How many batches were delivered.",
        "readings": "How many readings ended.",
        "without_answer": "How many of them ended in an error or could not be computed.",
        "waiting_for_labels": "How many of them wait for outcomes.",
        "months": "How many months it spans.",
        "months_with_data": "In how many of them a monitor gave an answer on data.",
        "months_without_data": "The others.",
        "monitors": "Each monitor month by month.",
        "alarms": "Every change of an alarm's level, one sentence each.",
        "notes": "What people said about alarms, one sentence each.",
    },
    "MonitorHistory": {
        "": "One monitor month by month.",
        "title": "Its title.",
        "alarm": "The level of its alarm at the end, in words; empty if nothing was read.",
        "months": "Its months.",
    },
    "MonitoredMonth": {
        "": "One month of one monitor.",
        "month": "Year and month.",
        "readings": "How many readings there were.",
        "level": "The worst level, in words; “not everything known” where calm windows stand beside one without an "
        "answer; empty if no reading said anything.",
        "measure": "The measure in the most trouble in that reading; empty if there is none.",
        "value": "Its value; null if there is none.",
        "limit": "The limit that it was compared with; null if there is none.",
    },
    "MonitorPlan": {
        "": "One monitor.",
        "title": "Its title.",
        "measure": "What it measures.",
        "thresholds": "Its limits, in words.",
        "every": "How often it runs.",
        "severity": "Severity of what it finds.",
        "consequence": "What a breach brings about.",
    },
}
