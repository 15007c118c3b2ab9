// SPDX-License-Identifier: Apache-2.0
#include "faulty_vfs.h"

#include <sqlite3.h>

#include <new>
#include <string>
#include <vector>

namespace sluice::io {
namespace {

struct Undo {
  sqlite3_int64 offset;
  std::string before;
  sqlite3_int64 size_before;
};

struct State {
  Fault fault = Fault::none;
  std::uint64_t left = 0;
  bool has_failed = false;
};
State state;

struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real;
  std::vector<Undo>* undo;  // what was written since the last synchronisation, oldest first
};

FaultyFile* self(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return self(file)->real;
}

// Whether this call is the one, or one after it.
bool fails(Fault a, Fault b = Fault::none, Fault c = Fault::none) {
  if (state.fault == Fault::none || (state.fault != a && state.fault != b && state.fault != c)) return false;
  if (state.left > 0) --state.left;
  if (state.left == 0) state.has_failed = true;
  return state.has_failed;
}

void lose_unsynchronised(FaultyFile* file) {
  while (!file->undo->empty()) {
    const Undo& last = file->undo->back();
    file->real->pMethods->xWrite(file->real, last.before.data(), static_cast<int>(last.before.size()), last.offset);
    file->real->pMethods->xTruncate(file->real, last.size_before);
    file->undo->pop_back();
  }
}

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete self(file)->undo;
  sqlite3_free(real(file));
  return code;
}

int write_file(sqlite3_file* file, const void* data, int bytes, sqlite3_int64 offset) {
  sqlite3_int64 size = 0;
  real(file)->pMethods->xFileSize(real(file), &size);
  Undo undo{offset, std::string(static_cast<std::size_t>(bytes), '\0'), size};
  const int known = static_cast<int>(std::min<sqlite3_int64>(bytes, std::max<sqlite3_int64>(size - offset, 0)));
  if (known > 0) real(file)->pMethods->xRead(real(file), undo.before.data(), known, offset);
  if (fails(Fault::write, Fault::disk_full, Fault::torn_write)) {
    if (state.fault == Fault::disk_full) return SQLITE_FULL;
    if (state.fault == Fault::torn_write) real(file)->pMethods->xWrite(real(file), data, bytes / 2, offset);
    return SQLITE_IOERR_WRITE;
  }
  self(file)->undo->push_back(std::move(undo));
  return real(file)->pMethods->xWrite(real(file), data, bytes, offset);
}

int sync_file(sqlite3_file* file, int flags) {
  if (fails(Fault::sync)) {
    lose_unsynchronised(self(file));
    return SQLITE_IOERR_FSYNC;
  }
  self(file)->undo->clear();
  return real(file)->pMethods->xSync(real(file), flags);
}

int read_file(sqlite3_file* file, void* data, int bytes, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), data, bytes, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int lock) {
  return real(file)->pMethods->xLock(real(file), lock);
}
int unlock_file(sqlite3_file* file, int lock) {
  return real(file)->pMethods->xUnlock(real(file), lock);
}
int check_reserved(sqlite3_file* file, int* result) {
  return real(file)->pMethods->xCheckReservedLock(real(file), result);
}
int control_file(sqlite3_file* file, int op, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), op, argument);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// Version 1: no shared memory, no mapping. A store needs neither.
const sqlite3_io_methods methods = {
    1,         close_file,  read_file,      write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_reserved, control_file, sector_size,   characteristics, nullptr,
    nullptr,   nullptr,     nullptr,        nullptr,      nullptr};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* under = static_cast<sqlite3_vfs*>(vfs->pAppData);
  auto* inner = static_cast<sqlite3_file*>(sqlite3_malloc(under->szOsFile));
  const int code = under->xOpen(under, name, inner, flags, out_flags);
  if (code != SQLITE_OK) {
    sqlite3_free(inner);
    file->pMethods = nullptr;
    return code;
  }
  self(file)->base.pMethods = &methods;
  self(file)->real = inner;
  self(file)->undo = new std::vector<Undo>;
  return SQLITE_OK;
}

}  // namespace

const std::string& FaultyVfs::name() {
  static const std::string name = "faulty";
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs* under = sqlite3_vfs_find(nullptr);
    sqlite3_vfs made = *under;
    made.zName = name.c_str();
    made.szOsFile = sizeof(FaultyFile);
    made.pAppData = under;
    made.pNext = nullptr;
    made.xOpen = open_file;
    return made;
  }();
  sqlite3_vfs_register(&vfs, 0);
  return name;
}

void FaultyVfs::arm(Fault fault, std::uint64_t n) {
  state = {fault, n, false};
}

bool FaultyVfs::has_failed() {
  return state.has_failed;
}

}  // namespace sluice::io
