"""Rerankers: what reads a query beside texts and gives each text a score."""

from .asking import ask as ask
from .scorer import BUILT_IN as BUILT_IN
from .scorer import Scorer as Scorer
from .scorer import scorer_of as scorer_of
