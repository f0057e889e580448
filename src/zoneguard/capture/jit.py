"""How a kernel is run: compiled by Numba, or interpreted from the same source.

`kernels.load` sets `compiled` and then imports the kernel modules, which read it once. Interpreted, the
tables are Python lists and `i64` is `int`: for a few thousand packets that is quicker than importing Numba.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

compiled = False


def _identity(value: int) -> int:
    return value


def integers() -> tuple[Any, Any]:
    """Give the loaders (signed, index) of this mode.

    Compiled, bytes are widened to int64 at once (uint8 << 8 would become uint64, and that mixed with
    int64 a float), and indices are unsigned so that no wrap-around of negative ones is compiled in
    (measured: 20 % of the time of the kernel). Interpreted, both are nothing.
    """
    if not compiled:
        return _identity, _identity
    import numpy as np

    return np.int64, np.uint64


def wide_loads() -> tuple[Any, Any, Any]:
    """Give the loaders of 2, 4 and 8 octets in network order, for callers that have checked the bounds.

    Octet by octet each load is checked on its own, and the compiler can then not join them into one.
    The eight octets are signed when compiled and unsigned when interpreted, as all words of 64 bits are.
    """
    if not compiled:
        return _joined(2), _joined(4), _joined(8)
    return _compiled_load(2), _compiled_load(4), _compiled_load(8)


def _joined(size: int) -> Callable[[bytearray, int], int]:
    def load(b: bytearray, at: int) -> int:
        return int.from_bytes(b[at : at + size], "big")

    return load


def _compiled_load(size: int) -> Any:  # noqa: ANN401 - Numba's own kind of function
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def load(typingctx: Any, array: Any, at: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            where = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8 * size).as_pointer())
            word = builder.load(where, align=1)
            if sys.byteorder == "little":
                word = builder.bswap(word)
            return word if size == 8 else builder.zext(word, ir.IntType(64))

        return types.int64(array, types.int64), generate

    return intrinsic(load)


def prefetch() -> Any:  # noqa: ANN401 - Numba's own kind of function
    """Give what asks for the cache lines of an element before it is needed, without waiting for them.

    (array, index, line): which line of the element, from 0. An index that is out of range does no harm, since a
    prefetch never faults. Interpreted it does nothing.
    """
    if not compiled:
        return _nothing
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def ask(typingctx: Any, array: Any, at: Any, line: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            kind = signature.args[0]
            view = context.make_array(kind)(context, builder, arguments[0])
            at_index = [arguments[1]]
            where = cgutils.get_item_pointer(context, builder, kind, view, at_index)  # type: ignore[no-untyped-call]
            octet = ir.IntType(8).as_pointer()
            where = builder.gep(
                builder.bitcast(where, octet), [builder.mul(arguments[2], ir.Constant(ir.IntType(64), 64))]
            )
            number = ir.IntType(32)
            told = builder.module.declare_intrinsic(
                "llvm.prefetch", [octet], ir.FunctionType(ir.VoidType(), [octet, number, number, number])
            )
            builder.call(told, [where, number(1), number(3), number(1)])
            return ir.Constant(ir.IntType(64), 0)

        return types.int64(array, types.int64, types.int64), generate

    return intrinsic(ask)


def _nothing(array: object, at: int, line: int) -> int:  # noqa: ARG001
    return 0


def fence() -> Any:  # noqa: ANN401 - Numba's own kind of function
    """Give a full memory barrier for code that shares memory with the kernel of the system.

    Interpreted it does nothing: thousands of instructions of the interpreter, calls of the system among
    them, stand between what is to be kept in order.
    """
    if not compiled:
        return int
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def barrier(typingctx: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401, ARG001
            builder.fence("seq_cst")
            return ir.Constant(ir.IntType(64), 0)

        return types.int64(), generate

    return intrinsic(barrier)


def kernel(function: F) -> F:
    """Mark a function as part of the hot loop: bounds-checked, without the GIL, cached on disk."""
    return _compile(function, inline=False)


def inlined(function: F) -> F:
    """Likewise, and copied into its callers.

    A call hands over a dozen arrays of seven words each, so what every packet goes through is inlined.
    """
    return _compile(function, inline=True)


def _keep(dispatcher: Any, function: Callable[..., Any]) -> None:  # noqa: ANN401 - Numba's own kind of function
    """Have Numba keep the compiled function on disk, as `cache=True` does, and read it back without delay.

    Numba's own cache first tells the compiler of every function it knows, although code that is read needs
    no compiler: half of the time (measured: 0.17 of 0.33 s) and 35 MB that each start would pay.
    """
    from numba.core.caching import FunctionCache

    class Cache(FunctionCache):
        def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
            with self._guard_against_spurious_io_errors():
                found = self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            return super().load_overload(sig, target_context) if found is None else found  # type: ignore[no-untyped-call]

    # As Numba's own `enable_caching` does.
    dispatcher._cache = Cache(function)  # type: ignore[no-untyped-call]  # noqa: SLF001


def _compile(function: F, *, inline: bool) -> F:
    if not compiled:
        return function
    import numba

    from zoneguard.capture.kernels import cache_is_usable

    # _nrt=False: nothing is allocated, and without counting references to the tables the kernels are
    # five times faster (measured on 2.4 M mixed packets: 3.9 s with, 1.9 s without, start-up included).
    decorated: F = numba.njit(  # type: ignore[call-overload]  # the stubs leave _nrt out
        boundscheck=True, nogil=True, forceinline=inline, _nrt=False
    )(function)
    if cache_is_usable():
        _keep(decorated, function)
    return decorated
