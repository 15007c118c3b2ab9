// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "sqlite_database.h"
#include "store_file.h"
#include "store_mark.h"
#include "store_meta.h"

namespace sluice::io {
namespace {

// 4 MiB of SQLite's pages: rarely enough that its two extra waits for the disk do not show, and soon enough that the
// log starts over in the same blocks.
constexpr int checkpoint_pages = 1024;

Error broken(const std::string& path, const Error& why) {
  if (why.code == ErrorCode::conflict) return why;
  return make_error(why.code, "the store " + path + " is damaged: " + why.context +
                                  "; do not repair it: remove this member from the cluster and join it anew");
}

Error out_of_order(const std::string& what) {
  return make_error(ErrorCode::internal, what);
}

}  // namespace

class Store::Impl {
 public:
  Impl(std::string path, SqliteDatabase database, StoreStatements statements, StoreMark mark, StoreMeta meta)
      : path_(std::move(path)),
        database_(std::move(database)),
        statements_(std::move(statements)),
        mark_(std::move(mark)),
        meta_(std::move(meta)) {
    sqlite3_wal_hook(
        database_.get(),
        [](void* impl, sqlite3*, const char*, int pages) {
          static_cast<Impl*>(impl)->log_pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }

  Status write(const raft::WriteBatch& batch) {
    if (is_dead_) return make_error(ErrorCode::io, "the store " + path_ + " has failed before");
    Status status = write_all(batch);
    if (status) status = mark_.write(meta_.sequence);
    return survive(std::move(status));
  }

  Status maintain() {
    if (is_dead_ || log_pages_ < checkpoint_pages) return {};
    int frames = 0;
    int moved = 0;
    Status status;
    if (sqlite3_wal_checkpoint_v2(database_.get(), "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &moved) != SQLITE_OK) {
      status = sqlite_error(database_.get(), "SQLite");
    }
    // Once in a while; for the rest the kernel writes it when it likes.
    if (status) status = mark_.synchronise();
    log_pages_ = 0;
    return survive(std::move(status));
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const StoreMeta& meta() const { return meta_; }
  [[nodiscard]] const SqliteDatabase& database() const { return database_; }

 private:
  Status survive(Status status) {
    if (status) return status;
    is_dead_ = true;
    return make_error(status.error().code, "cannot write to the store " + path_ + ": " + status.error().context +
                                               "; this node must stop, for it cannot keep what it promises");
  }

  Status write_all(const raft::WriteBatch& batch) {
    // What the tables will say. Ours only after the commit.
    StoreMeta meta = meta_;
    ++meta.sequence;
    if (Status status = statements_.begin(); !status) return status;
    if (batch.hard_state) meta.hard_state = *batch.hard_state;
    Status status;
    if (batch.install) status = install(*batch.install, meta);
    if (status && batch.truncate_from) status = truncate(*batch.truncate_from, meta);
    if (status) status = append(batch.append, meta);
    if (status && batch.compact) status = compact(*batch.compact, batch.first_kept, meta);
    if (status) status = statements_.write_meta(meta);
    if (status) status = statements_.commit();
    if (status) meta_ = std::move(meta);
    return status;
  }

  Status install(const raft::Snapshot& snapshot, StoreMeta& meta) {
    // SQLite's integers are signed, and its order is that of the log.
    if (snapshot.meta.index.value() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      return out_of_order("a snapshot's index is beyond every log's");
    }
    if (Status status = statements_.erase_entries(raft::LogIndex(), next(meta.last)); !status) return status;
    meta.base = meta.last = snapshot.meta.index;
    meta.base_crc = meta.last_crc = 0;
    return put(snapshot, meta);
  }

  Status put(const raft::Snapshot& snapshot, StoreMeta& meta) {
    meta.snapshot_crc = snapshot_crc(snapshot.meta, *snapshot.data);
    return statements_.write_snapshot(snapshot);
  }

  Status truncate(raft::LogIndex from, StoreMeta& meta) {
    if (from <= meta.base) return out_of_order("a truncation below the log's first entry");
    if (from > meta.last) return {};
    const raft::LogIndex last = raft::previous(from);
    std::uint32_t crc = meta.base_crc;
    if (last > meta.base) {
      const Result<std::uint32_t> found = statements_.crc_of(last);
      if (!found) return found.error();
      crc = found.value();
    }
    if (Status status = statements_.erase_entries(from, next(meta.last)); !status) return status;
    meta.last = last;
    meta.last_crc = crc;
    return {};
  }

  Status append(const std::vector<raft::Entry>& entries, StoreMeta& meta) {
    for (const raft::Entry& entry : entries) {
      if (entry.index != next(meta.last)) return out_of_order("an entry that does not follow the log's last one");
      meta.last = entry.index;
      meta.last_crc = entry_crc(entry, meta.last_crc);
      if (Status status = statements_.write_entry(entry, meta.last_crc); !status) return status;
    }
    return {};
  }

  Status compact(const raft::Snapshot& snapshot, raft::LogIndex first_kept, StoreMeta& meta) {
    if (first_kept > next(snapshot.meta.index) || first_kept > next(meta.last)) {
      return out_of_order("a compaction beyond its snapshot or the log's last entry");
    }
    if (first_kept > next(meta.base)) {
      const raft::LogIndex base = raft::previous(first_kept);
      const Result<std::uint32_t> crc = statements_.crc_of(base);
      if (!crc) return crc.error();
      if (Status status = statements_.erase_entries(raft::LogIndex(), first_kept); !status) return status;
      meta.base = base;
      meta.base_crc = crc.value();
    }
    return put(snapshot, meta);
  }

  std::string path_;
  SqliteDatabase database_;
  StoreStatements statements_;
  StoreMark mark_;
  StoreMeta meta_;
  int log_pages_ = 0;
  bool is_dead_ = false;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

namespace {

// The whole state as one batch into empty tables.
Status fill(const SqliteDatabase& database, const StoreIdentity& identity, const raft::StoredState& state) {
  Result<StoreStatements> statements = StoreStatements::prepare(database);
  if (!statements) return statements.error();
  StoreMeta meta;
  meta.identity = identity;
  meta.hard_state = state.hard_state;
  meta.sequence = 1;
  Status status = statements->begin();
  if (status && state.snapshot) {
    meta.base = state.snapshot->meta.index;
    meta.snapshot_crc = snapshot_crc(state.snapshot->meta, *state.snapshot->data);
    status = statements->write_snapshot(*state.snapshot);
  }
  if (!state.entries.empty()) meta.base = raft::previous(state.entries.front().index);
  meta.last = meta.base;
  for (const raft::Entry& entry : state.entries) {
    if (!status) break;
    if (entry.index != next(meta.last)) return out_of_order("entries with a gap");
    meta.last = entry.index;
    meta.last_crc = entry_crc(entry, meta.last_crc);
    status = statements->write_entry(entry, meta.last_crc);
  }
  if (status) status = statements->write_meta(meta);
  return status ? statements->commit() : status;
}

Status make_file(const std::string& path, const StoreIdentity& identity, const raft::StoredState& state,
                 const std::string& vfs) {
  Result<SqliteDatabase> database = make_store_file(path, vfs);
  if (!database) return database.error();
  if (Status status = fill(database.value(), identity, state); !status) return status;
  // What is in the log moves into the file, and the log goes: only one name has to change.
  int frames = 0;
  int moved = 0;
  if (sqlite3_wal_checkpoint_v2(database->get(), "main", SQLITE_CHECKPOINT_TRUNCATE, &frames, &moved) != SQLITE_OK) {
    return sqlite_error(database->get(), "SQLite");
  }
  return {};
}

}  // namespace

Status Store::create(const std::string& path, const StoreIdentity& identity, const raft::StoredState& state,
                     const StoreOptions& options) {
  if (::access(path.c_str(), F_OK) == 0) {
    return make_error(ErrorCode::conflict, "there is a store at " + path + " already, which is left as it is; " +
                                               "move it away if its member is really gone");
  }
  const std::string fresh = path + ".new";
  Status status = make_file(fresh, identity, state, options.vfs);
  if (status && ::chmod(fresh.c_str(), 0600) != 0) status = system_error("cannot change " + fresh);
  if (status) status = synchronise_file(fresh);
  for (const char* suffix : {"-wal", "-journal"}) ::unlink((fresh + suffix).c_str());
  // A log of an earlier file of this name would be taken for this one's.
  ::unlink((path + "-wal").c_str());
  if (status) status = StoreMark::create(mark_path_of(path), {identity.node_id, 1});
  if (status && ::link(fresh.c_str(), path.c_str()) != 0) status = system_error("cannot make " + path);
  ::unlink(fresh.c_str());
  if (status) status = synchronise_folder_of(path);
  if (!status) return make_error(status.error().code, "cannot make the store " + path + ": " + status.error().context);
  return {};
}

Result<OpenedStore> Store::open(const std::string& path, const std::optional<StoreIdentity>& expected,
                                const StoreOptions& options) {
  Result<SqliteDatabase> database = open_store_file(path, options.vfs);
  if (!database) {
    return database.error().code == ErrorCode::io ? broken(path, database.error()) : database.error();
  }
  if (Status status = check_store_file(database.value()); !status) return broken(path, status.error());
  Result<StoreMeta> meta = read_meta(database.value());
  if (!meta) return broken(path, meta.error());
  if (expected && *expected != meta->identity) {
    return make_error(ErrorCode::conflict,
                      "the store " + path + " is of node " + std::to_string(meta->identity.node_id.value()) +
                          " of cluster " + meta->identity.cluster_id + ", not of node " +
                          std::to_string(expected->node_id.value()) + " of " + expected->cluster_id);
  }
  Result<StoreMark> mark = StoreMark::open(mark_path_of(path));
  if (!mark) return broken(path, make_error(ErrorCode::io, mark.error().context));
  if (mark->values().node_id != meta->identity.node_id || mark->values().sequence > meta->sequence) {
    return broken(path, make_error(ErrorCode::io, "it ends at write " + std::to_string(meta->sequence) +
                                                      ", but write " + std::to_string(mark->values().sequence) +
                                                      " was acknowledged; it is an old copy, or its end is lost"));
  }
  OpenedStore opened;
  opened.identity = meta->identity;
  opened.state.hard_state = meta->hard_state;
  Result<std::optional<raft::Snapshot>> snapshot = read_snapshot(database.value(), meta.value());
  if (!snapshot) return broken(path, snapshot.error());
  opened.state.snapshot = std::move(snapshot.value());
  Result<std::vector<raft::Entry>> entries = read_entries(database.value(), meta.value());
  if (!entries) return broken(path, entries.error());
  opened.state.entries = std::move(entries.value());
  if (Status status = synchronise_log_of(path); !status) return status.error();
  Result<StoreStatements> statements = StoreStatements::prepare(database.value());
  if (!statements) return broken(path, statements.error());
  opened.store.reset(new Store(std::make_unique<Impl>(path, std::move(database.value()), std::move(statements.value()),
                                                      std::move(mark.value()), std::move(meta.value()))));
  return opened;
}

Status Store::write(const raft::WriteBatch& batch) {
  return impl_->write(batch);
}

Status Store::maintain() {
  return impl_->maintain();
}

Result<std::uint64_t> Store::free_bytes() const {
  struct statvfs found {};
  if (::statvfs(impl_->path().c_str(), &found) != 0) return system_error("cannot ask for space at " + impl_->path());
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

raft::LogIndex Store::last_index() const {
  return impl_->meta().last;
}

std::string Store::pragma(const std::string& name) const {
  const Result<std::string> answer = impl_->database().ask("PRAGMA " + name);
  return answer ? answer.value() : answer.error().context;
}

}  // namespace sluice::io
