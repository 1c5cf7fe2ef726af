"""A channel, the engine and a library of strangers count the same segments."""

import pytest
import smsutil
from hypothesis import example, given
from hypothesis import strategies as st

from channels.sms_segments import segments
from orchestrator.model.sms import segments as engine_segments

GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà"
ESCAPED = "^{}\\[~]|€"
BEYOND = "łé東京я’…\u00a0\U0001f600\U0001f468"

lengths = st.sampled_from((1, 5, 66, 67, 69, 70, 71, 133, 134, 135, 152, 153, 159, 160, 161, 306))
texts = st.one_of(
    st.text(st.sampled_from(GSM), min_size=1, max_size=500),
    st.text(st.sampled_from(GSM + ESCAPED), min_size=1, max_size=500),
    st.text(st.sampled_from(GSM + ESCAPED + BEYOND), min_size=1, max_size=300),
    st.builds(lambda char, length: char * length, st.sampled_from(GSM + ESCAPED + BEYOND), lengths),
    st.builds(
        lambda char, length, last: char * length + last,
        st.sampled_from("aя"),
        lengths,
        st.text(st.sampled_from(ESCAPED + BEYOND), max_size=4),
    ),
)


@given(texts)
@example("€" * 77)  # the last place of each segment stays empty
@example("a" * 152 + "€" + "a" * 8)
@example("я" * 66 + "\U0001f600" + "я" * 3)
def test_all_count_alike(text: str) -> None:
    assert segments(text) == len(smsutil.split(text).parts)
    assert segments(text) == engine_segments(text).count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("\U0001f600" * 35, 1),
        ("\U0001f600" * 36, 2),
        ("\U0001f600" * 66, 2),
        ("\U0001f600" * 67, 3),
    ],
)
def test_by_hand(text: str, count: int) -> None:
    assert segments(text) == count
