"""SQLite for several writers: Django's backend with an orderly queue in front of the one write lock."""
