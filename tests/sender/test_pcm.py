"""What ``write`` takes: bytes, arrays, av frames, in other rates and layouts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from lipwire.sender import Cause, InvalidPcm, PcmFormat
from lipwire.sender.pcm import PcmReader

from ..end_to_end.world import MONO, connected, speech

STEREO = PcmFormat(24_000, 2)
FLOAT = PcmFormat(24_000, 1, "f32le")


def tone(rate: int, seconds: float = 1.0, channels: int = 1) -> np.ndarray[Any, Any]:
    """A sine of 440 Hz, as float32 of shape (samples, channels)."""
    times = np.arange(round(rate * seconds)) / rate
    return np.repeat((0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[:, None], channels, axis=1)


def read_all(reader: PcmReader, *pieces: Any) -> bytes:
    return b"".join(bytes(reader.read(piece)) for piece in pieces) + reader.finish()


def frame_of(samples: np.ndarray[Any, Any], rate: int, *, name: str, layout: str = "mono") -> av.AudioFrame:
    planar = av.AudioFormat(name).is_planar
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.T if planar else samples.reshape(1, -1)), format=name, layout=layout
    )
    frame.sample_rate = rate
    return frame


class TestSameFormat:
    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_bytes_of_each_kind_pass_unchanged(self, kind: Any) -> None:
        said = speech(0.1)
        assert read_all(PcmReader(MONO, MONO), kind(said)) == said

    def test_bytes_are_not_copied_and_what_can_change_is(self) -> None:
        said = speech(0.01)
        assert PcmReader(MONO, MONO).read(said) is said
        changing = bytearray(said)
        got = PcmReader(MONO, MONO).read(changing)
        changing[:] = bytes(len(changing))
        assert got == said

    def test_views_of_any_shape(self) -> None:
        samples = np.arange(24, dtype="<i2")
        for view in (memoryview(samples), memoryview(samples.reshape(4, 6)), memoryview(samples.reshape(2, 3, 4))):
            assert read_all(PcmReader(MONO, MONO), view) == samples.tobytes()
        columns = np.asfortranarray(samples.reshape(12, 2))
        assert read_all(PcmReader(STEREO, STEREO), memoryview(columns)) == samples.tobytes()
        assert read_all(PcmReader(MONO, MONO), memoryview(samples)[::2]) == samples[::2].tobytes()
        assert read_all(PcmReader(MONO, MONO), memoryview(samples[:0])) == b""

    @pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
    def test_arrays_of_one_channel(self, shape: tuple[int, ...]) -> None:
        samples = np.arange(-100, 100, dtype=np.int16)
        assert read_all(PcmReader(MONO, MONO), samples.reshape(shape)) == samples.tobytes()

    def test_arrays_of_two_channels_are_interleaved(self) -> None:
        samples = np.arange(200, dtype=np.int16).reshape(-1, 2)
        assert read_all(PcmReader(STEREO, STEREO), samples) == samples.tobytes()
        assert read_all(PcmReader(STEREO, STEREO), np.asfortranarray(samples)) == samples.tobytes()

    def test_float_samples_are_scaled_and_clipped(self) -> None:
        samples = np.array([0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5], dtype=np.float32)
        got = np.frombuffer(read_all(PcmReader(MONO, MONO), samples), "<i2")
        assert got.tolist() == [0, 16_384, -16_384, 32_767, -32_768, 32_767, -32_768]

    def test_int_samples_on_a_float_wire(self) -> None:
        got = np.frombuffer(read_all(PcmReader(MONO, FLOAT), np.array([0, 16_384, -32_768], np.int16)), "<f4")
        assert got.tolist() == [0.0, 0.5, -1.0]

    def test_bytes_on_a_float_wire(self) -> None:
        got = np.frombuffer(read_all(PcmReader(MONO, FLOAT), np.array([0, 16_384], "<i2").tobytes()), "<f4")
        assert got.tolist() == [0.0, 0.5]

    def test_empty_writes(self) -> None:
        for wire in (MONO, PcmFormat(48_000, 1)):
            assert read_all(PcmReader(MONO, wire), b"", np.zeros(0, np.int16), np.zeros((0, 1), np.float32)) == b""


class TestRefused:
    def test_a_transposed_array_names_the_transpose(self) -> None:
        with pytest.raises(InvalidPcm, match=r"not \(2, 480\); transpose it \(array\.T\)\?"):
            PcmReader(MONO, MONO).read(np.zeros((2, 480), np.int16))
        with pytest.raises(InvalidPcm, match="transpose"):
            PcmReader(MONO, MONO).read(np.zeros((1, 480), np.int16))

    @pytest.mark.parametrize("shape", [(10, 3), (2, 2, 2), ()])
    def test_other_shapes(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InvalidPcm, match="shape"):
            PcmReader(MONO, MONO).read(np.zeros(shape, np.int16))

    @pytest.mark.parametrize("dtype", ["f8", "i4", "u1", ">i2", "?"])
    def test_other_sample_types(self, dtype: str) -> None:
        with pytest.raises(InvalidPcm, match=f"not {np.dtype(dtype)}"):
            PcmReader(MONO, MONO).read(np.zeros(10, dtype))

    @pytest.mark.parametrize("thing", ["text", [1, 2], None, 5])
    def test_other_things(self, thing: Any) -> None:
        with pytest.raises(InvalidPcm, match=type(thing).__name__):
            PcmReader(MONO, MONO).read(thing)


class TestCutOffFrames:
    def test_odd_bytes_are_completed_by_the_next_write(self) -> None:
        said = speech(0.1)
        pieces = [said[:1], said[1:4], said[4:7], said[7:7], said[7:1_000], said[1_000:1_001], said[1_001:]]
        assert read_all(PcmReader(MONO, MONO), *pieces) == said
        assert read_all(PcmReader(STEREO, STEREO), *pieces) == said
        assert read_all(PcmReader(FLOAT, FLOAT), *pieces) == said

    def test_half_a_frame_at_the_end_is_an_error_not_padded(self) -> None:
        reader = PcmReader(STEREO, STEREO)
        assert reader.read(bytes(7)) == bytes(4)
        with pytest.raises(InvalidPcm, match=r"3 bytes are left over, and one frame of .* has 4"):
            reader.finish()

    def test_half_a_frame_before_an_array_is_an_error(self) -> None:
        reader = PcmReader(MONO, MONO)
        reader.read(bytes(3))
        with pytest.raises(InvalidPcm, match="complete it with bytes"):
            reader.read(np.zeros(4, np.int16))
        assert reader.read(bytes(1)) == bytes(2)

    @pytest.mark.anyio
    async def test_the_segment_is_cut_and_the_session_goes_on(self) -> None:
        async with connected() as world:
            with pytest.raises(InvalidPcm):
                async with world.out.segment() as bad:
                    await bad.write(bytes(999))
            async with world.out.segment() as good:
                await good.write(bytes(1_000))
            assert (await bad.ended()).cause is Cause.CANCELLED
            assert (await good.ended()).cause is Cause.PLAYED

    @pytest.mark.anyio
    async def test_a_segment_that_was_cut_ends_quietly_within_a_frame(self) -> None:
        async with connected() as world:
            async with world.out.segment() as segment:
                await segment.write(bytes(999))
                await world.out.interrupt()
                assert not await segment.write(bytes(2))
            assert (await segment.ended()).cause is Cause.INTERRUPTED


class TestResampled:
    @pytest.mark.parametrize(
        ("rate", "layout", "name"),
        [
            (48_000, "mono", "s16"),
            (48_000, "stereo", "s16p"),
            (16_000, "mono", "fltp"),
            (44_100, "stereo", "flt"),
            (22_050, "mono", "s16p"),
            (8_000, "stereo", "dblp"),
            (48_000, "5.1", "s32"),
        ],
    )
    def test_frames_of_any_kind(self, rate: int, layout: str, name: str) -> None:
        channels = len(av.AudioLayout(layout).channels)
        kinds = {"s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}
        dtype = kinds[name.removesuffix("p")]
        samples = tone(rate, 1.0, channels)
        if layout == "5.1":
            samples[:, 2:] = 0
        if np.issubdtype(dtype, np.integer):
            samples = samples * np.iinfo(dtype).max
        samples = samples.astype(dtype)
        size = rate // 50
        frames = [
            frame_of(samples[at : at + size], rate, name=name, layout=layout) for at in range(0, len(samples), size)
        ]
        reader = PcmReader(MONO, MONO)
        got = np.frombuffer(read_all(reader, *frames), "<i2").astype(np.float64)
        assert abs(len(got) - 24_000) <= 8
        assert reader.rate == rate
        spectrum = np.abs(np.fft.rfft(got))
        assert abs(int(spectrum.argmax()) - 440) <= 1
        assert np.abs(got).max() > 3_000

    @pytest.mark.parametrize("given", [8_000, 16_000, 22_050, 44_100, 48_000])
    def test_bytes_and_arrays_of_another_rate(self, given: int) -> None:
        samples = (tone(given, 2.0) * 32_767).astype(np.int16)
        pieces: list[Any] = [samples[at : at + 441] for at in range(0, len(samples), 441)]
        for as_bytes in (False, True):
            reader = PcmReader(PcmFormat(given, 1), MONO)
            got = read_all(reader, *(piece.tobytes() if as_bytes else piece for piece in pieces))
            assert abs(len(got) // 2 - 48_000) <= 8

    def test_the_tail_is_flushed(self) -> None:
        reader = PcmReader(PcmFormat(16_000, 1), MONO)
        read = len(reader.read(np.ones(160, np.int16)))
        assert len(reader.finish()) > 0
        assert read < 480

    def test_state_is_kept_from_write_to_write(self) -> None:
        samples = (tone(16_000, 0.5) * 32_767).astype(np.int16)
        one = read_all(PcmReader(PcmFormat(16_000, 1), MONO), samples)
        many = read_all(PcmReader(PcmFormat(16_000, 1), MONO), *np.array_split(samples, 77))
        shorter = min(len(one), len(many))
        assert abs(len(one) - len(many)) <= 8
        assert one[: shorter - 64] == many[: shorter - 64]

    def test_stereo_to_mono_and_back(self) -> None:
        samples = np.repeat(np.arange(-500, 500, dtype=np.int16)[:, None], 2, axis=1)
        mono = np.frombuffer(read_all(PcmReader(STEREO, MONO), samples), "<i2")
        assert mono.tolist() == samples[:, 0].tolist()
        stereo = np.frombuffer(read_all(PcmReader(MONO, STEREO), samples[:, 0]), "<i2").reshape(-1, 2)
        assert len(stereo) == 1_000
        assert (stereo[:, 0] == stereo[:, 1]).all()

    def test_another_kind_in_mid_segment_loses_nothing(self) -> None:
        frames = [
            frame_of((tone(48_000, 0.5) * 32_767).astype(np.int16), 48_000, name="s16"),
            frame_of(tone(16_000, 0.5), 16_000, name="flt"),
        ]
        assert abs(len(read_all(PcmReader(MONO, MONO), *frames)) // 2 - 24_000) <= 16

    def test_a_frame_that_fits_is_passed_on_and_left_as_it_was(self) -> None:
        samples = np.arange(480, dtype=np.int16)[:, None]
        fits = frame_of(samples, 24_000, name="s16p")
        assert read_all(PcmReader(MONO, MONO), fits) == samples.tobytes()
        other = frame_of(samples, 48_000, name="s16")
        other.pts, other.time_base = 1_234, Fraction(1, 48_000)
        read_all(PcmReader(MONO, MONO), other)
        assert (other.pts, other.time_base) == (1_234, Fraction(1, 48_000))

    def test_stamps_make_no_difference(self) -> None:
        frames = []
        for index in range(20):
            frame = frame_of(np.full((960, 1), 1_000, np.int16), 48_000, name="s16")
            frame.pts, frame.time_base = (7_777 * index) % 5_000, Fraction(1, 90_000)
            frames.append(frame)
        assert abs(len(read_all(PcmReader(MONO, MONO), *frames)) // 2 - 9_600) <= 8

    @pytest.mark.anyio
    async def test_results_are_in_seconds_and_in_samples_of_the_input(self) -> None:
        given = PcmFormat(16_000, 1)
        async with connected(out={"format": given, "wire_format": PcmFormat(48_000, 2)}) as world:
            async with world.out.segment() as segment:
                for _ in range(50):
                    await segment.write(bytes(640))
            ended = await segment.ended()
            assert world.audio.format == PcmFormat(48_000, 2)
        assert ended.cause is Cause.PLAYED
        assert abs(ended.position - 48_000) <= 8
        assert ended.seconds == pytest.approx(1.0, abs=0.001)
        assert abs(ended.input_position - 16_000) <= 3
        assert ended.position == segment.position

    @pytest.mark.anyio
    async def test_each_segment_has_its_own_state(self) -> None:
        async with connected(out={"format": PcmFormat(16_000, 1), "wire_format": MONO}) as world:
            lengths = []
            for _ in range(3):
                async with world.out.segment() as segment:
                    await segment.write((tone(16_000, 0.1) * 32_767).astype(np.int16))
                lengths.append((await segment.ended()).position)
            assert bytes(world.renderer.pcm[1]) == bytes(world.renderer.pcm[2]) == bytes(world.renderer.pcm[3])
        assert all(abs(length - 2_400) <= 8 for length in lengths)

    def test_the_size_is_told_beforehand(self) -> None:
        reader = PcmReader(MONO, MONO)
        assert reader.size(bytes(7)) == 6
        reader.read(bytes(7))
        assert reader.size(bytes(1)) == 2
        assert PcmReader(MONO, MONO).size(np.zeros((100, 1), np.float32)) == 200
        assert PcmReader(PcmFormat(16_000, 1), MONO).size(np.zeros(160, np.int16)) == 480
        frame = frame_of(np.zeros((480, 2), np.int16), 48_000, name="s16", layout="stereo")
        assert PcmReader(MONO, MONO).size(frame) == 480
