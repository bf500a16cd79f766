"""Demo data, models and texts for the story that `manage.py demo` tells. The portal itself imports nothing here."""
