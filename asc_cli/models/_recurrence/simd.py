"""The vector primitives under `forward`, written for LLVM through numba.

`tile` is the heart of every matrix product here: a register tile of MR rows × NR columns,

    C[m, n] = I[m, n] + Σ_k A[m, k] B[k, n]        m < MR, n < NR

whose MR · NR sums stay in registers for the whole of Σ_k. All arrays are flat; an offset and
strides (in elements) say where A, B, I and C start, so that one primitive serves products with
A, with Aᵀ, with a packed B, a bias row (stride 0) and accumulation in place (I = C). The sum
runs over k in order, one fused multiply-add each: its bits depend neither on the tile's place
nor on the number of threads.

exp, tanh and σ have polynomial forms in float32 that LLVM turns into vector code (relative
error about 1e-7); in float64 they are the library's own, exact to the last bit or so.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, overload

NR = 32  # columns of a tile: every segment of a row is padded to a multiple of this
MR = 8  # rows of a tile: clips in a block are padded to a multiple of this

_INT = ir.IntType(64)
# x / 0 is inf; a b + c may fuse; no copy of its own, see forward.INLINE
_OPTIONS: Any = {"error_model": "numpy", "fastmath": {"contract"}, "forceinline": True}


def _vector_bytes() -> int:
    """Bytes of the widest vector register of this machine."""
    # set by NUMBA_CPU_FEATURES, to compile for another machine
    chosen = config.CPU_FEATURES  # type: ignore[attr-defined]
    features = get_host_cpu_features() if chosen is None else chosen
    if "+avx512f" in features:
        return 64
    return 32 if "+avx2" in features else 16


VECTOR_BYTES = _vector_bytes()


def _pointer(context, builder, array_type, array, offset):
    data = cgutils.create_struct_proxy(array_type)(context, builder, value=array).data
    return builder.gep(data, [offset])


def _row_vectors(builder, operand, m, at, vector):
    """Pointers to the vectors of row m of C or init in the strip: operand is (pointer, stride)."""
    pointer, stride = operand
    _, column, columns = at
    offset = builder.add(ir.Constant(_INT, column), builder.mul(ir.Constant(_INT, m), stride))
    return _vectors(builder, builder.gep(pointer, [offset]), columns, vector)


def _vectors(builder, start, columns, vector):
    """Pointers to the vectors that hold `columns` numbers from `start` on."""
    starts = [
        builder.gep(start, [ir.Constant(_INT, first)]) for first in range(0, columns, vector.count)
    ]
    return [builder.bitcast(pointer, vector.as_pointer()) for pointer in starts]


def _emit_tile(builder, scalar, size, lanes, at, A, B, init, C, K):
    """One strip of `at` = (rows, first column, columns); A, B, init, C are (pointer, strides)."""
    rows, _, _ = at
    vector = ir.VectorType(scalar, lanes)
    sums = [
        builder.load(pointer, align=size)
        for m in rows
        for pointer in _row_vectors(builder, init, m, at, vector)
    ]
    sums = _emit_sums(builder, vector, size, at, A, B, sums, K)
    ends = [p for m in rows for p in _row_vectors(builder, C, m, at, vector)]
    for pointer, value in zip(ends, sums, strict=True):
        builder.store(value, pointer, align=size)


def _emit_sums(builder, vector, size, at, A, B, sums, K):
    """sums[m, n] + Σ_k A[m, k] B[k, n], vectors by rows: a loop over k that keeps all of them."""
    rows, column, columns = at
    a_rows = [builder.gep(A[0], [builder.mul(ir.Constant(_INT, m), A[1])]) for m in rows]
    b_start = builder.gep(B[0], [ir.Constant(_INT, column)])
    before = builder.block
    loop = builder.append_basic_block("k")
    after = builder.append_basic_block("k_end")
    builder.cbranch(builder.icmp_signed(">", K, ir.Constant(_INT, 0)), loop, after)
    builder.position_at_end(loop)
    k = builder.phi(_INT)
    k.add_incoming(ir.Constant(_INT, 0), before)
    carried = [builder.phi(vector) for _ in sums]
    for phi, value in zip(carried, sums, strict=True):
        phi.add_incoming(value, before)
    b_k = builder.gep(b_start, [builder.mul(k, B[1])])
    bs = [builder.load(p, align=size) for p in _vectors(builder, b_k, columns, vector)]
    a_step = builder.mul(k, A[2])
    a_k = [builder.load(builder.gep(a_row, [a_step])) for a_row in a_rows]
    new = _emit_step(builder, vector, size, a_k, bs, carried)
    following = builder.add(k, ir.Constant(_INT, 1))
    k.add_incoming(following, builder.block)
    for phi, value in zip(carried, new, strict=True):
        phi.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, K), loop, after)
    tail = builder.block
    builder.position_at_end(after)
    results = [builder.phi(vector) for _ in sums]
    for phi, at_once, summed in zip(results, sums, new, strict=True):
        phi.add_incoming(at_once, before)
        phi.add_incoming(summed, tail)
    return results


def _emit_step(builder, vector, size, a_k, bs, sums):
    """sums[m, n] + A[m, k] B[k, n] for one k: a fused multiply-add a vector."""
    kind = ir.FunctionType(vector, [vector] * 3)
    name = f"llvm.fma.v{vector.count}f{8 * size}"
    fma = cgutils.get_or_insert_function(builder.module, kind, name)
    undefined = ir.Constant(vector, ir.Undefined)
    all_first = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    new = []
    for r, a in enumerate(a_k):
        one = builder.insert_element(undefined, a, _INT(0))
        spread = builder.shuffle_vector(one, undefined, all_first)
        for p, b in enumerate(bs):
            new.append(builder.call(fma, [spread, b, sums[r * len(bs) + p]]))
    return new


def _larger(typing, a, b):
    """The larger of two numbers, in a form that LLVM reduces in vector lanes; not for NaN."""

    def codegen(context, builder, signature, args):
        kind = args[0].type
        name = f"llvm.maxnum.f{signature.return_type.bitwidth}"
        maxnum = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind, kind]), name
        )
        return builder.call(maxnum, args, fastmath=("nnan", "nsz"))

    return a(a, a), codegen


larger: Any = intrinsic(_larger)  # Any: numba gives the typing context


def _borrowed(typing, arrays):
    """A tuple of arrays without their reference counts, for a function whose caller holds them.

    Each slice of a counted array raises and lowers its count, two atomic operations that LLVM
    does not take away: 50 ns of a clip's frame forward.
    """

    def codegen(context, builder, signature, args):
        views = []
        for n, kind in enumerate(signature.return_type):
            array = builder.extract_value(args[0], n)
            view = cgutils.create_struct_proxy(kind)(context, builder, value=array)
            view.meminfo = cgutils.get_null_value(view.meminfo.type)
            view.parent = cgutils.get_null_value(view.parent.type)
            views.append(view._getvalue())
        return context.make_tuple(builder, signature.return_type, views)

    return arrays(arrays), codegen


borrowed: Any = intrinsic(_borrowed)


@intrinsic
def tile(typing, A, a0, a_row, a_k, B, b0, b_k, init, i0, i_row, C, c0, c_row, K):
    """C[m, n] = init[m, n] + Σ_k A[m, k] B[k, n] for one MR × NR tile; arrays flat, see above."""
    index = types.intp
    signature = types.void(
        A, index, index, index, B, index, index, init, index, index, C, index, index, index
    )

    def codegen(context, builder, signature, args):
        A, a0, a_row, a_k, B, b0, b_k, init, i0, i_row, C, c0, c_row, K = args
        types_ = signature.args
        scalar = context.get_data_type(types_[0].dtype)
        size = types_[0].dtype.bitwidth // 8
        a = (_pointer(context, builder, types_[0], A, a0), a_row, a_k)
        b = (_pointer(context, builder, types_[4], B, b0), b_k)
        i = (_pointer(context, builder, types_[7], init, i0), i_row)
        c = (_pointer(context, builder, types_[10], C, c0), c_row)
        lanes = VECTOR_BYTES // size
        columns = min(2 * lanes, NR)  # two vectors of B a step: rows × 2 sums in registers
        step = MR if VECTOR_BYTES != 32 else MR // 2  # AVX2 has half the registers
        for column in range(0, NR, columns):
            for row in range(0, MR, step):
                at = (range(row, row + step), column, columns)
                _emit_tile(builder, scalar, size, lanes, at, a, b, i, c, K)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _two_to(typing, n):
    """2ⁿ for a whole float32 n in −126 … 127, by writing the exponent's bits."""

    def codegen(context, builder, signature, args):
        int32 = ir.IntType(32)
        bits = builder.add(builder.fptosi(args[0], int32), ir.Constant(int32, 127))
        return builder.bitcast(builder.shl(bits, ir.Constant(int32, 23)), ir.FloatType())

    return types.float32(types.float32), codegen


_F = np.float32
_EXP_LOW, _EXP_HIGH = _F(-87.0), _F(88.0)
_LOG2E, _HALF, _ONE = _F(1.44269504088896341), _F(0.5), _F(1.0)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_E0, _E1, _E2 = _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3)
_E3, _E4, _E5 = _F(4.1665795894e-2), _F(1.6666665459e-1), _F(5.0000001201e-1)
_T_EDGE = _F(7.90531110763549805)
_T1, _T3, _T5 = _F(4.89352455891786e-3), _F(6.37261928875436e-4), _F(1.48572235717979e-5)
_T7, _T9 = _F(5.12229709037114e-8), _F(-8.60467152213735e-11)
_T11, _T13 = _F(2.00018790482477e-13), _F(-2.76076847742355e-16)
_B0, _B2 = _F(4.89352518554385e-3), _F(2.26843463243900e-3)
_B4, _B6 = _F(1.18534705686654e-4), _F(1.19825839466702e-6)


def exp(x):
    """eˣ; float32 by Cephes' polynomial after x = n ln 2 + r, |r| ≤ ½ ln 2."""


def tanh(x):
    """tanh x; float32 by Eigen's odd rational function of degree 13/6."""


@overload(exp, jit_options=_OPTIONS)
def _exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)

    def polynomial(x):
        x = _EXP_LOW if x < _EXP_LOW else x
        x = _EXP_HIGH if x > _EXP_HIGH else x
        n = np.floor(x * _LOG2E + _HALF)
        r = x - n * _LN2_HIGH - n * _LN2_LOW
        p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
        return (p * r * r + r + _ONE) * _two_to(n)  # type: ignore[call-arg]  # numba gives the typing context

    return polynomial


@overload(tanh, jit_options=_OPTIONS)
def _tanh(x):
    if x != types.float32:
        return lambda x: math.tanh(x)

    def rational(x):
        x = -_T_EDGE if x < -_T_EDGE else x
        x = _T_EDGE if x > _T_EDGE else x
        y = x * x
        p = ((((((_T13 * y + _T11) * y + _T9) * y + _T7) * y + _T5) * y + _T3) * y + _T1) * x
        return p / (((_B6 * y + _B4) * y + _B2) * y + _B0)

    return rational


@njit(**_OPTIONS)
def sigmoid(x):
    """σ(x) = 1 / (1 + e⁻ˣ)."""
    one = type(x)(1)
    return one / (one + exp(-x))
