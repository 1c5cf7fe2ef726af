"""Where the made-up customers live, and telephone numbers that can belong to nobody there.

Reserved for fiction: 555-0100 to 555-0199 in every area code of North America (ATIS-0300115),
07700 900000 to 900999 (Ofcom), 06 39 98 00 00 to 99 99 (ARCEP) and 030 23125 000 to 999
(Bundesnetzagentur). With 100 numbers an area code, many area codes are needed.
"""

from dataclasses import dataclass

from demo.complete_journey.chance import share


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a region that keeps one time. `weight` is its share of the households."""

    country: str
    region: str
    zone: str
    weight: float
    area_codes: tuple[str, ...] = ()


def _us(region: str, zone: str, weight: float, codes: str) -> Place:
    return Place("US", region, f"America/{zone}", weight, tuple(codes.split()))


def _ca(region: str, zone: str, weight: float, codes: str) -> Place:
    return Place("CA", region, f"America/{zone}", weight, tuple(codes.split()))


PLACES: tuple[Place, ...] = (
    _us("OH", "New_York", 12, "216 220 234 330 380 419 440 513 567 614 740 937"),
    _us("IN", "Indiana/Indianapolis", 7, "260 317 463 574 765 930"),
    _us("IN", "Chicago", 2, "219"),
    _us("KY", "Kentucky/Louisville", 3, "502 859"),
    _us("KY", "Chicago", 1, "270 364"),
    _us("TX", "Chicago", 11, "210 214 254 281 361 409 430 432 469 512 682 713 806 817 832 903 940"),
    _us("TX", "Denver", 1, "915"),
    _us("FL", "New_York", 8, "239 305 321 352 386 407 561 727 754 772 786 813 863 904 941 954"),
    _us("FL", "Chicago", 1.5, "850"),
    _us("CA", "Los_Angeles", 10, "209 213 310 323 408 415 510 530 559 619 626 650 714 805 916 949"),
    _us("AZ", "Phoenix", 5, "480 520 602 623 928"),
    _us("GA", "New_York", 4, "229 404 478 678 706 770 912"),
    _us("IL", "Chicago", 3, "217 309 312 618 630 708 773 815 847"),
    _us("MI", "Detroit", 3, "231 248 269 313 517 586 616 734 810 989"),
    _us("TN", "Chicago", 2, "615 731 901 931"),
    _us("CO", "Denver", 3, "303 719 720 970"),
    _us("WA", "Los_Angeles", 3, "206 253 360 425 509"),
    _us("NY", "New_York", 3, "212 315 347 516 518 585 607 631 716 718"),
    _us("VA", "New_York", 2, "276 434 540 703 757 804"),
    _us("NC", "New_York", 2, "252 336 704 828 910 919"),
    _us("OK", "Chicago", 2, "405 539 580 918"),
    _us("AL", "Chicago", 1.5, "205 251 256 334"),
    _us("LA", "Chicago", 1.5, "225 318 337 504 985"),
    _us("MD", "New_York", 1.5, "240 301 410 443"),
    _us("MA", "New_York", 1.5, "339 413 508 617 781 978"),
    _us("CT", "New_York", 1, "203 860"),
    _us("MS", "Chicago", 1, "228 601 662"),
    _us("NV", "Los_Angeles", 1.5, "702 775"),
    _us("RI", "New_York", 0.5, "401"),
    Place("US", "HI", "Pacific/Honolulu", 0.5, ("808",)),
    _ca("ON", "Toronto", 1.5, "289 416 519 613 647 705 905"),
    _ca("QC", "Toronto", 0.7, "418 438 450 514 819"),
    _ca("BC", "Vancouver", 0.8, "250 604 778"),
    Place("GB", "ENG", "Europe/London", 1.5),
    Place("FR", "IDF", "Europe/Paris", 1),
    Place("DE", "BE", "Europe/Berlin", 1),
)

_WEIGHTS = sum(place.weight for place in PLACES)


def place_of(household: int) -> Place:
    """Where a household lives, as made up for it."""
    point = share(household, "place") * _WEIGHTS
    for place in PLACES:
        point -= place.weight
        if point < 0:
            return place
    return PLACES[-1]


def phone_of(household: int, place: Place) -> str:
    """A number reserved for fiction, in E.164. A few households share one, as families do."""
    match place.country:
        case "GB":
            return f"+447700900{household % 1000:03d}"
        case "FR":
            return f"+3363998{household % 10_000:04d}"
        case "DE":
            return f"+493023125{household % 1000:03d}"
        case _:
            # Hundreds choose the area code, the rest the number: fewer shared than by hash.
            code = place.area_codes[household // 100 % len(place.area_codes)]
            return f"+1{code}55501{household % 100:02d}"
