// SPDX-License-Identifier: Apache-2.0
// The keyed flow hash, against SipHash-2-4 over the same bytes: what a keyed hash costs that is not made for tuples.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "hash_key.h"
#include "siphash.h"
#include "sluice_hash.h"
#include "wrong_result.h"

namespace sluice {
namespace {

struct Tuple {
  std::array<std::uint32_t, 4> source{};
  std::array<std::uint32_t, 4> destination{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 6;
};

constexpr std::size_t tuples_count = 1024;  // 40 KiB: in the first or second cache

std::vector<Tuple> tuples(int is_v6) {
  std::mt19937 random(1);
  std::vector<Tuple> made(tuples_count);
  for (Tuple& tuple : made) {
    for (int i = 0; i < (is_v6 ? 4 : 1); ++i) {
      tuple.source[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(random());
      tuple.destination[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(random());
    }
    tuple.source_port = static_cast<std::uint16_t>(random());
    tuple.destination_port = static_cast<std::uint16_t>(random());
  }
  return made;
}

sluice_hash_key bench_key() {
  return derive_hash_key({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
}

// As sluice_find_service computes it: the destination's part is wanted on its own.
std::uint64_t flow_hash(const sluice_hash_key& key, const Tuple& tuple, int is_v6) {
  const std::uint32_t word = sluice_service_word(tuple.destination_port, tuple.protocol, SLUICE_KEY_SERVICE_V4);
  std::uint64_t hash = sluice_hash_destination(&key, tuple.destination.data(), word, is_v6);
  hash += key.source_port * tuple.source_port + sluice_hash_address(key.source, tuple.source.data(), is_v6);
  return sluice_hash_mix(&key, hash);
}

// The definition in sluice_hash.h, word by word.
std::uint64_t defined_hash(const sluice_hash_key& key, const Tuple& tuple, int is_v6) {
  std::uint64_t sum = key.offset;
  sum += key.service * (tuple.destination_port + (std::uint64_t{tuple.protocol} << 16) +
                        (std::uint64_t{SLUICE_KEY_SERVICE_V4} << 24));
  for (std::size_t i = 0; i < (is_v6 ? 4U : 1U); ++i) {
    sum += key.destination[i] * tuple.destination[i];
    sum += key.source[i] * tuple.source[i];
  }
  sum += key.source_port * tuple.source_port;
  sum ^= sum >> 32;
  return sum * key.mix[0];
}

void flow(benchmark::State& state) {
  const int is_v6 = state.range(0) == 6;
  const sluice_hash_key key = bench_key();
  const std::vector<Tuple> all = tuples(is_v6);
  for (const Tuple& tuple : all)
    if (flow_hash(key, tuple, is_v6) != defined_hash(key, tuple, is_v6)) wrong_result("wrong hash");
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(flow_hash(key, all[next++ % tuples_count], is_v6));
}

void flow_and_memory(benchmark::State& state) {
  const int is_v6 = state.range(0) == 6;
  const sluice_hash_key key = bench_key();
  const std::vector<Tuple> all = tuples(is_v6);
  std::size_t next = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(sluice_hash_memory(&key, flow_hash(key, all[next++ % tuples_count], is_v6)));
}

void siphash(benchmark::State& state) {
  const bool is_v6 = state.range(0) == 6;
  std::vector<std::array<std::uint8_t, 37>> all;
  const std::size_t address_bytes = is_v6 ? 16 : 4;
  for (const Tuple& tuple : tuples(is_v6)) {
    auto& bytes = all.emplace_back();
    std::memcpy(bytes.data(), tuple.source.data(), address_bytes);
    std::memcpy(bytes.data() + address_bytes, tuple.destination.data(), address_bytes);
    std::memcpy(bytes.data() + 2 * address_bytes, &tuple.source_port, 2);
    std::memcpy(bytes.data() + 2 * address_bytes + 2, &tuple.destination_port, 2);
    bytes[2 * address_bytes + 4] = tuple.protocol;
  }
  const SipKey key = sip_key("0123456789abcdef");
  const std::size_t bytes_count = 2 * address_bytes + 5;
  std::size_t next = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(siphash24(key, std::span(all[next++ % tuples_count].data(), bytes_count)));
}

BENCHMARK(flow)->ArgName("ip")->Arg(4)->Arg(6);
BENCHMARK(flow_and_memory)->ArgName("ip")->Arg(4)->Arg(6);
BENCHMARK(siphash)->ArgName("ip")->Arg(4)->Arg(6);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
