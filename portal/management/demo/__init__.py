"""Demo data, models and texts for the story that `manage.py demo` tells. Nothing here is imported by the portal itself."""
