"""Settings: from one TOML file, then from the environment, checked as a whole before anything starts."""

from cds_service.config.clients import ALGORITHMS, Client
from cds_service.config.explain import in_words
from cds_service.config.settings import Mode, Settings
from cds_service.config.sources import CONFIG_FILE, PREFIX, as_environment, load

__all__ = ["ALGORITHMS", "CONFIG_FILE", "PREFIX", "Client", "Mode", "Settings", "as_environment", "in_words", "load"]
