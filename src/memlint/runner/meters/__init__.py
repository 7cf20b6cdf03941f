"""How much memory a unit's processes hold: one file a way of measuring, behind ``meters.base.Meter``."""
