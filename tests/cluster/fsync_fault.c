// SPDX-License-Identifier: Apache-2.0
// Preloaded into sluiced: the n-th fsync or fdatasync fails with EIO, and so do all after it. n from FSYNC_FAULT_AT.
// Counts from when the file named by FSYNC_FAULT_FROM is there, so that a test can choose the moment.
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static int is_failing(void) {
  static atomic_long calls;
  const char* from = getenv("FSYNC_FAULT_FROM");
  if (from != NULL && access(from, F_OK) != 0) return 0;
  const char* at = getenv("FSYNC_FAULT_AT");
  if (at == NULL || atomic_fetch_add(&calls, 1) + 1 < strtol(at, NULL, 10)) return 0;
  errno = EIO;
  return 1;
}

static int passed_on(const char* name, int file) {
  int (*real)(int);
  *(void**)&real = dlsym(RTLD_NEXT, name);
  return real(file);
}

int fsync(int file) {
  return is_failing() ? -1 : passed_on("fsync", file);
}

int fdatasync(int file) {
  return is_failing() ? -1 : passed_on("fdatasync", file);
}
