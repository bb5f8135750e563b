"""The workbook that a partner fills in: made from the contract of a source, so that what it lets through is loaded."""

from __future__ import annotations

from footprints.templates.fields import Field, Template, layouts_with_template, template_of
from footprints.templates.workbook import write

__all__ = ["Field", "Template", "layouts_with_template", "template_of", "write"]
