"""Schema changes, forward only. `cds_service.store.database.migrate` runs them."""
