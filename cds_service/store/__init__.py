"""What must not be lost: the cards we issued, the silences we kept, the feedback we got. No patient identifiers."""
