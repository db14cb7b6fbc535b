"""An independent witness of a federation's log: it cosigns only what extends everything it has seen.

`Witness` decides, `WitnessStore` remembers, `WitnessRunner` talks to the broker; a node runs them with its own key.
`init_witness` and `run_witness` make and run a witness that is neither broker nor partner.
"""

from tacita_sdk.witness.directory import init_witness, run_witness
from tacita_sdk.witness.runner import WitnessApi, WitnessRunner
from tacita_sdk.witness.store import WitnessStateError, WitnessStore
from tacita_sdk.witness.witness import Cosigned, Witness

__all__ = [
    "Cosigned",
    "Witness",
    "WitnessApi",
    "WitnessRunner",
    "WitnessStateError",
    "WitnessStore",
    "init_witness",
    "run_witness",
]
