"""What every package needs: errors, atomic files, paths, plug-ins, parallel work; no audio."""
