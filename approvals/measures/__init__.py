"""Pure numbers over tables: no Django, no network, no verdicts. A number that has no defined value is never 0."""
