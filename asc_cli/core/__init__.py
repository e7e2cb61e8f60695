"""Shared by every package: errors, atomic files, paths, plug-ins, parallel work; no audio."""
