"""The CDS Hooks protocol: discovery, requests, prefetch, responses, feedback. No Flask here."""
