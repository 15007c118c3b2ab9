// SPDX-License-Identifier: Apache-2.0
#include "store_site.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::io {

namespace {
raft::LogIndex last_of(const raft::StoredState& state) {
  if (!state.entries.empty()) return state.entries.back().index;
  return state.snapshot ? state.snapshot->meta.index : raft::LogIndex();
}

std::uint64_t below(std::mt19937_64& random, std::uint64_t bound) {
  return random() % bound;
}
}  // namespace

TestFolder::TestFolder() {
  std::string form = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/sluice-store-XXXXXX"
                                                               : ::testing::TempDir() + "sluice-store-XXXXXX";
  if (mkdtemp(form.data()) == nullptr) abort();
  path_ = form;
}

TestFolder::~TestFolder() {
  std::filesystem::remove_all(path_);
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

StoreImage StoreImage::read(const std::string& path) {
  return {bytes_of(path), bytes_of(path + "-wal"), bytes_of(path + "-mark")};
}

void StoreImage::write(const std::string& path) const {
  write_bytes(path, main);
  write_bytes(path + "-wal", log);
  write_bytes(path + "-mark", mark);
}

StoreIdentity test_identity() {
  return {"c1", raft::NodeId(0x8000000000000007)};
}

raft::Configuration test_configuration(std::size_t members) {
  raft::Configuration configuration;
  for (std::size_t i = 1; i < members; ++i) {
    configuration.members.push_back(
        {raft::NodeId(i), raft::MemberRole::voter, "lb" + std::to_string(i), "127.0.0.1:" + std::to_string(i)});
  }
  configuration.members.push_back({test_identity().node_id, raft::MemberRole::voter, "self", "127.0.0.1:1000"});
  return configuration;
}

raft::Entry make_entry(std::uint64_t index, std::uint64_t term, std::string data) {
  return {raft::Term(term), raft::LogIndex(index), raft::EntryType::command, std::move(data)};
}

raft::Snapshot make_snapshot(std::uint64_t index, std::uint64_t term, std::string data) {
  return {{raft::LogIndex(index), raft::Term(term), test_configuration(3)},
          std::make_shared<const std::string>(std::move(data))};
}

void apply_batch(raft::StoredState& state, const raft::WriteBatch& batch) {
  if (batch.hard_state) state.hard_state = *batch.hard_state;
  if (batch.install) {
    state.snapshot = batch.install;
    state.entries.clear();
  }
  if (batch.truncate_from) std::erase_if(state.entries, [&](const auto& e) { return e.index >= *batch.truncate_from; });
  state.entries.insert(state.entries.end(), batch.append.begin(), batch.append.end());
  if (batch.compact) {
    state.snapshot = batch.compact;
    std::erase_if(state.entries, [&](const auto& entry) { return entry.index < batch.first_kept; });
  }
}

raft::WriteBatch random_batch(const raft::StoredState& state, std::mt19937_64& random,
                              std::uint64_t snapshot_bytes_max) {
  raft::WriteBatch batch;
  const std::uint64_t term = state.hard_state.term.value() + below(random, 2);
  if (term != state.hard_state.term.value() || below(random, 4) == 0) {
    batch.hard_state = raft::HardState{raft::Term(term), raft::NodeId(below(random, 3))};
  }
  std::uint64_t last = last_of(state).value();
  // Nobody truncates what a snapshot stands for.
  const std::uint64_t settled = state.snapshot ? state.snapshot->meta.index.value() : 0;
  if (below(random, 20) == 0) {
    last += below(random, 50) + 1;
    batch.install = make_snapshot(last, term, std::string(below(random, snapshot_bytes_max) + 1, 's'));
  } else if (const std::uint64_t loose = last - settled; loose > 0 && below(random, 5) == 0) {
    last -= below(random, loose);
    batch.truncate_from = raft::LogIndex(last);
    --last;
  }
  for (std::uint64_t i = below(random, 6); i > 0; --i) {
    batch.append.push_back(
        make_entry(++last, term, std::string(below(random, below(random, 10) == 0 ? 9000 : 200), char('a' + i))));
  }
  if (!batch.install && !batch.truncate_from && state.entries.size() > 4 && below(random, 8) == 0) {
    const std::size_t at = below(random, state.entries.size());
    batch.compact = make_snapshot(state.entries[at].index.value(), state.entries[at].term.value(),
                                  std::string(below(random, snapshot_bytes_max) + 1, 'c'));
    batch.first_kept = state.entries[below(random, at + 1)].index;
  }
  return batch;
}

std::string difference(const raft::StoredState& a, const raft::StoredState& b) {
  if (a.hard_state != b.hard_state) return "term or vote";
  if (a.snapshot.has_value() != b.snapshot.has_value()) return "one has no snapshot";
  if (a.snapshot && (a.snapshot->meta != b.snapshot->meta || *a.snapshot->data != *b.snapshot->data)) return "snapshot";
  if (a.entries != b.entries) {
    return "entries: " + std::to_string(a.entries.size()) + " to " + std::to_string(last_of(a).value()) + " against " +
           std::to_string(b.entries.size()) + " to " + std::to_string(last_of(b).value());
  }
  return {};
}

void create_empty(const std::string& path) {
  const Status status = Store::create(path, test_identity(), {});
  ASSERT_TRUE(status) << status.error().context;
}

}  // namespace sluice::io
