"""The dialect of Microsoft Entra ID: what it sends, in cycles, and when a job goes into quarantine."""
