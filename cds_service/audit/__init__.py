"""An opt-in record of every hook request and response, for disputes: patient data, kept apart from all else."""
