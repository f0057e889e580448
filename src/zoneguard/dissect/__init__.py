"""The deep look: what chosen flows really carried, told without their payload."""
