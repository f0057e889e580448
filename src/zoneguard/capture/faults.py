"""What is said of a capture that is damaged, cut off, or none at all."""

from __future__ import annotations

from zoneguard.capture import pcap
from zoneguard.capture.source import FOREIGN
from zoneguard.text import Text


def bad_record(name: str, offset: int, frame: int) -> Text:
    """Tell of a record whose length cannot be."""
    return Text(
        ja=f"{name}: {offset}バイト目のレコード（フレーム{frame}）の長さが成り立ちません。そこまでを判定しました。"
        "キャプチャを取り直すか、壊れていない写しを指定してください。",
        en=f"{name}: the record at offset {offset} (frame {frame}) has an impossible length; what came before "
        "it was judged. Capture again, or give an undamaged copy.",
    )


def cut_off(name: str, offset: int, frames: int) -> Text:
    """Tell of a file that ends within a record."""
    return Text(
        ja=f"{name}: {offset}バイト目でファイルが途切れています。完全な{frames}フレームを判定しました。"
        "書き込み中の最後のファイルなら、次の区切りのあとにもう一度指定してください。",
        en=f"{name}: the file is cut at offset {offset}; its {frames} whole frames were judged. If it is the "
        "last file of a running capture, give it again after the next rotation.",
    )


def not_a_capture(name: str, head: bytes) -> Text:
    """Tell what a file is instead of a capture, as far as its first octets say."""
    if not head:
        return Text(
            ja=f"{name}: 空のファイルです。パケットを含むキャプチャを指定してください。",
            en=f"{name}: the file is empty; give a capture that holds packets.",
        )
    if head[:4] in pcap.MODIFIED:
        kind = "modified pcap (Kuznetzov)"
    else:
        kind = next((kind for magic, kind in FOREIGN.items() if head.startswith(magic)), "")
    if kind:
        return Text(
            ja=f"{name}: {kind}形式は読めません。Wireshark付属のeditcapでpcapngに変換してください。",
            en=f"{name}: the format {kind} cannot be read; convert it to pcapng with Wireshark's editcap.",
        )
    return Text(
        ja=f"{name}: pcapでもpcapngでもありません。キャプチャファイルを指定してください。",
        en=f"{name}: neither pcap nor pcapng; give a capture file.",
    )
