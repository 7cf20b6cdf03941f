"""Taking memlint into a repository: what is there, what would be changed, and the changes written and undone."""

from memlint.adoption.changes import Change, Proposal, Wanted, propose
from memlint.adoption.survey import Repository, survey
from memlint.adoption.writing import UNDO_FILE, undo, write

__all__ = ["UNDO_FILE", "Change", "Proposal", "Repository", "Wanted", "propose", "survey", "undo", "write"]
