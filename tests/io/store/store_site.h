// SPDX-License-Identifier: Apache-2.0
// A folder for stores, and what a store must hold according to plain memory.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "store.h"

namespace sluice::io {

// Goes away with everything in it.
class TestFolder {
 public:
  // In memory if the machine has a place for that: nothing here is about the speed of a disk.
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

std::string bytes_of(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);

// The three files of a store as bytes.
struct StoreImage {
  std::string main;
  std::string log;
  std::string mark;
  static StoreImage read(const std::string& path);
  void write(const std::string& path) const;
  friend bool operator==(const StoreImage&, const StoreImage&) = default;
};

StoreIdentity test_identity();
raft::Configuration test_configuration(std::size_t members);
raft::Entry make_entry(std::uint64_t index, std::uint64_t term, std::string data);
raft::Snapshot make_snapshot(std::uint64_t index, std::uint64_t term, std::string data);

// What a batch means.
void apply_batch(raft::StoredState& state, const raft::WriteBatch& batch);
// Batches of every kind, as a node would write them; each fits to the state before it.
raft::WriteBatch random_batch(const raft::StoredState& state, std::mt19937_64& random,
                              std::uint64_t snapshot_bytes_max);

// Empty if they are the same, else what differs.
std::string difference(const raft::StoredState& a, const raft::StoredState& b);

// A new store with nothing in it.
void create_empty(const std::string& path);

}  // namespace sluice::io
