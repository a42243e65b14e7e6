"""What happened, in SQL: a copy of the event stream. Only the archiver writes it."""
