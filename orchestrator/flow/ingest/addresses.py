"""Addresses in the one form that they are stored and compared in."""

from hashlib import sha256

import phonenumbers
from email_validator import EmailNotValidError, validate_email

KEY_DIGITS = 32


def normal_email(written: str) -> str:
    """The address as mail servers know it; a ValueError says what is wrong with it."""
    try:
        return validate_email(written, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"email {written[:80]!r} is not an address: {error}") from None


def normal_phone(written: str, country: str | None) -> str:
    """The number in E.164; one without a country code is taken in `country`.

    Only the length is checked: tables of numbers in use are older than some numbers.
    """
    code = country.strip().upper() if country else None
    region = "GB" if code == "UK" else code
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        known = region in phonenumbers.SUPPORTED_REGIONS
        hint = "" if known else "; write it with its country code, such as +13125550123"
        raise ValueError(f"phone {written[:40]!r} is not a telephone number{hint}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def address_key(kind: str, address: str) -> str:
    """The digest by which an address is suppressed; it outlives the customer's data.

    Upper and lower case are one address: who objects as Ann@ must not be written to as ann@. The
    shop's own keys of customers are told apart by it, as they are everywhere.
    """
    compared = address if kind == "customer" else address.casefold()
    return sha256(f"{kind}:{compared}".encode()).hexdigest()[:KEY_DIGITS]


def bucket(customer: str) -> int:
    """31 bits of the customer's key: the same on every machine and every day."""
    return int.from_bytes(sha256(customer.encode()).digest()[:4], "big") >> 1
