"""The evidence bundle: a run with what it rests on, as files that anybody can check again."""
