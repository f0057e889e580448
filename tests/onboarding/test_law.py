"""Whatever is observed, the proposal lints: no two zones claim a range, and every address lies in its zone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.onboarding.test_observed import claim, table
from zoneguard.onboarding.conversations import Conversations
from zoneguard.onboarding.observed import Endpoints, fill
from zoneguard.onboarding.proposal import Draft
from zoneguard.onboarding.writing import write
from zoneguard.policy.decide import Decider
from zoneguard.policy.load import parse_policy
from zoneguard.policy.zoning import Zoning

ADDRESSES = st.builds(
    "{}.{}.{}".format,
    st.sampled_from(["10.1", "192.168", "172.16", "203.0", "224.0", "169.254"]),
    st.integers(0, 3),
    st.sampled_from([0, 1, 2, 127, 254, 255]),
)
VLANS, MACS = st.integers(0, 3), st.integers(0, 4)
ROWS = st.lists(st.tuples(ADDRESSES, VLANS, MACS, ADDRESSES, VLANS, MACS), min_size=1, max_size=25)
CLAIMS = st.lists(st.builds(claim, ADDRESSES, MACS, VLANS), max_size=6)


@settings(max_examples=150, deadline=None)
@given(ROWS, CLAIMS)
def test_any_traffic_gives_a_proposal_that_lints(rows, claims):
    endpoints, draft, block = Endpoints(), Draft(), table(rows)
    endpoints.add(block)
    fill(draft, endpoints, endpoints.homes(claims))
    if not draft.zones:
        return
    policy = parse_policy(write(draft, "en").encode(), "zones.yaml")
    zoning = Zoning(policy)
    conversations = Conversations(policy, zoning, Decider(policy, zoning))
    conversations.add(block)
    conversations.propose(draft)
    for flow in draft.flows:
        flow.is_held = False
    for lang in ("ja", "en"):
        read = parse_policy(write(draft, lang).encode(), "zones.yaml")
        assert read.flows == ()
        assert len(read.proposed) == len(draft.flows)
