"""One rule or one set of a listing, as nft(8) writes it, to what libnftables-json(5) says of it.

What is not understood becomes the statement `{"unknown": words}`, which a rule may or may not pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoneguard.firewall.vendors.nftables.value import (
    NotUnderstoodError,
    read_elements,
    read_key,
    read_one,
    read_value,
    scalar,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.firewall.vendors.nftables.words import Words

_BARE = ("accept", "drop", "return", "continue", "notrack")
_SAID: dict[str, dict[str, Any]] = {name: {name: None} for name in _BARE}  # said often, and shared
_VERDICTS = (*_BARE[:4], "jump", "goto")
_TERMINAL = frozenset({*_VERDICTS, "reject", "dnat", "snat", "masquerade", "redirect", "queue", "tproxy"})
_NAT_FLAGS = frozenset({"random", "fully-random", "persistent"})
_CARRYING_ON = frozenset({".", ",", "|", "/", "&"})
_OPERATORS = frozenset({"==", "!=", "<", ">", "<=", ">=", "!"})
_BITMASKS = ({"ct": {"key": "state"}}, {"payload": {"protocol": "tcp", "field": "flags"}})
_SET_FIELDS = frozenset({"size", "policy", "gc-interval", "auto-merge", "comment", "counter", "typeof"})


def read_rule(words: Words) -> dict[str, Any]:
    """Read a rule to its end; gives `expr` and, where there is one, `comment`."""
    statements: list[dict[str, Any]] = []
    rule: dict[str, Any] = {"expr": statements}
    while not words.ends_statement():
        if words.take("comment"):
            rule["comment"] = words.next()
            continue
        start = words.at
        try:
            statements.append(_statement(words))
        except (NotUnderstoodError, ValueError):
            words.at, words.nested = start, 0
            statements.append({"unknown": _skipped(words)})
        if words.at == start:
            words.next()
    return rule


def _skipped(words: Words) -> str:
    """Take words up to the next one that ends a rule; at least one."""
    taken, depth = [words.next()], 0
    while not words.over:
        text = words.peek()
        if depth == 0 and (words.ends_statement() or text in _TERMINAL or text == "comment"):
            break
        depth += (text == "{") - (text == "}")
        taken.append(words.next())
    return " ".join(taken)


def _statement(words: Words) -> dict[str, Any]:
    name = words.peek()
    if name in _SAID:
        words.skip(1)
        return _SAID[name]
    if name in {"jump", "goto"}:
        words.next()
        return {name: {"target": words.next()}}
    if name in _STATEMENTS:
        words.next()
        return _STATEMENTS[name](words)
    return _known_match(words)


def _known_match(words: Words) -> dict[str, Any]:
    """Read a comparison; one of three words, as most are, is read once a file and then shared.

    Such a one depends on nothing but its words, as long as the next one does not carry it on.
    """
    start = words.at
    first, second, third, behind = words.seen[start : start + 4]
    if behind in _CARRYING_ON:
        return _match(words)
    key = first, second, third
    known = words.matches.get(key)
    if known is not None:
        words.skip(3)
        return known
    found = _match(words)
    if words.at == start + 3 and third not in {"set", "vmap"}:
        words.matches[key] = found
    return found


def _match(words: Words) -> dict[str, Any]:
    key = read_key(words)
    if words.take("vmap"):
        return {"vmap": {"key": key, "data": _map_data(words)}}
    if words.take("set"):
        # What is written where is of no account: marks and counters decide only where they are asked.
        value = words.rest_of_statement()
        return {"mangle": {"key": key, "value": " ".join(value)}}
    operator = words.next() if words.peek() in _OPERATORS else ""
    right = read_value(words)
    if words.take("/"):  # tcp flags syn / fin,syn,rst,ack
        mask = read_value(words)
        return {"match": {"op": operator or "==", "left": {"&": [key, mask]}, "right": right}}
    implicit = "in" if key in _BITMASKS and not _is_set(right) else "=="
    return {"match": {"op": operator or implicit, "left": key, "right": right}}


def _is_set(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, dict) and "set" in value


def _map_data(words: Words) -> Any:  # noqa: ANN401 - any JSON
    if words.peek().startswith("@"):
        return words.next()
    return {"set": read_elements(words, read_verdict)}


def read_verdict(words: Words) -> Any:  # noqa: ANN401 - any JSON
    """Read what a map gives for a key: a verdict or a value."""
    if words.peek() in _VERDICTS:
        return _statement(words)
    return read_one(words)


def _counter(words: Words) -> dict[str, Any]:
    if words.take("name"):
        return {"counter": words.next()}
    while words.peek() in {"packets", "bytes"}:
        words.next()
        words.next()
    return {"counter": None}


def _log(words: Words) -> dict[str, Any]:
    said: dict[str, Any] = {}
    while words.peek() in {"prefix", "group", "level", "snaplen", "queue-threshold", "flags"}:
        name = words.next()
        said[name] = words.next()
        while name == "flags" and words.peek() in {"sequence", "options", ","}:
            words.next()
    return {"log": said}


def _reject(words: Words) -> dict[str, Any]:
    if not words.take("with"):
        return {"reject": None}
    kind = words.next()
    if kind == "tcp":
        words.next()
        return {"reject": {"type": "tcp reset"}}
    words.take("type")
    words.next()
    return {"reject": {"type": kind}}


def _limit(words: Words) -> dict[str, Any]:
    if words.take("name"):
        return {"limit": words.next()}
    words.take("rate")
    words.take("over")
    words.take("until")
    words.next()
    if words.peek().endswith("/second") or "/" in words.peek():
        words.next()
    if words.take("burst"):
        words.next()
        words.next()
    return {"limit": {}}


def _quota(words: Words) -> dict[str, Any]:
    if words.take("name"):
        return {"quota": words.next()}
    words.take("over")
    words.take("until")
    words.next()
    words.next()
    if words.take("used"):
        words.next()
        words.next()
    return {"quota": {}}


def _translation(name: str, words: Words) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if words.peek() in {"ip", "ip6"} and words.peek(1) != "saddr" and words.peek(1) != "daddr":
        said["family"] = words.next()
    if words.take("prefix"):
        said["type_flags"] = "prefix"
    if words.take("to"):
        if words.take(":"):
            raise NotUnderstoodError
        _translation_target(said, words)
    while words.peek() in _NAT_FLAGS or words.peek() == ",":
        words.next()
    return {name: said}


def _translation_target(said: dict[str, Any], words: Words) -> None:
    """Read `10.0.0.1`, `10.0.0.1-10.0.0.9:1000-2000`, `[fd00::1]:80`, `:80`, a network, or a map from a key."""
    if words.peek().startswith(":"):
        said["port"] = scalar(words.next()[1:])
        return
    if words.peek(1) in {"saddr", "daddr", "sport", "dport"} or words.peek(2) in {"map", "."}:
        key = read_key(words)
        if not words.take("map"):
            raise NotUnderstoodError
        said["addr"] = {"map": {"key": key, "data": _map_data(words)}}
        return
    text = words.next()
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        address = address.replace("]-[", "-")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    said["addr"] = scalar(address)
    if port:
        said["port"] = scalar(port)


def _set_update(name: str, words: Words) -> dict[str, Any]:
    target = words.next()
    if not target.startswith("@") or not words.take("{"):
        raise NotUnderstoodError
    words.skip_block()
    return {"set": {"op": name, "set": target}}


def _flow(words: Words) -> dict[str, Any]:
    words.next()
    words.next()
    return {"flow": {}}


def _opaque(name: str, words: Words) -> dict[str, Any]:
    """Read a statement of which only the name is of account, to the end of the rule or the next verdict."""
    while not words.ends_statement() and words.peek() not in {*_VERDICTS, "comment"}:
        words.next()
    return {name: None}


_STATEMENTS: dict[str, Callable[[Words], dict[str, Any]]] = {
    "add": lambda words: _set_update("add", words),
    "counter": _counter,
    "delete": lambda words: _set_update("delete", words),
    "dnat": lambda words: _translation("dnat", words),
    "dup": lambda words: _opaque("dup", words),
    "flow": _flow,
    "fwd": lambda words: _opaque("fwd", words),
    "limit": _limit,
    "log": _log,
    "masquerade": lambda words: _translation("masquerade", words),
    "queue": lambda words: _opaque("queue", words),
    "quota": _quota,
    "redirect": lambda words: _translation("redirect", words),
    "reject": _reject,
    "snat": lambda words: _translation("snat", words),
    "synproxy": lambda words: _opaque("synproxy", words),
    "tproxy": lambda words: _opaque("tproxy", words),
    "update": lambda words: _set_update("update", words),
    "xt": lambda words: _opaque("xt", words),
}


def read_set_body(words: Words) -> dict[str, Any]:
    """Read what stands between the braces of a set or map, and the closing brace."""
    data: dict[str, Any] = {}
    while not words.over and not words.take("}"):
        name = words.next()
        if name in {"type", "typeof"}:
            of_key, _, of_value = " ".join(words.rest_of_statement()).partition(" : ")
            parts = of_key.split(" . ")
            data["type"] = parts if len(parts) > 1 else of_key
            if of_value:
                data["map"] = of_value
        elif name == "flags":
            data["flags"] = [word for word in words.rest_of_statement() if word != ","]
        elif name == "timeout":
            data["timeout"] = " ".join(words.rest_of_statement())
        elif name == "elements":
            words.take("=")
            start = words.at
            try:
                data["elem"] = read_elements(words, read_verdict)
            except (NotUnderstoodError, ValueError):
                data["unknown"] = True
                words.at, words.nested = start, 0
                words.rest_of_statement()
        elif name in _SET_FIELDS:
            words.rest_of_statement()
        elif name not in {"\n", ";"}:
            data["unknown"] = True
            words.rest_of_statement()
    return data
