#!/usr/bin/env python3
"""Run a management command, with the private folder and the keys in place."""

import os
import sys

from django.core.management import execute_from_command_line

from portal.keys import ensure_keys, var_folder

WITHOUT_KEYS = {"measure", "compare", "profile"}
"""What reads tables and prints: it leaves nothing behind, and runs where nothing may be written."""

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.umask(0o077)
    if WITHOUT_KEYS.isdisjoint(sys.argv[1:2]):
        ensure_keys(var_folder())
    execute_from_command_line(sys.argv)
