"""Commands that people and the set-up run."""
