"""The workflow runner of a rehearsal: triggers, permissions and run files around act."""
