"""Sandboxes for the gate: bubblewrap on this machine, and Daytona."""
