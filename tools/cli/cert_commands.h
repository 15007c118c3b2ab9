// SPDX-License-Identifier: Apache-2.0
// sluice cert ...: the commands, apart from the others because they need OpenSSL and no plane.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command_context.h"

namespace sluice::cli {

// Where the authority is: <folder>/ca.crt and <folder>/ca.key.
struct CertFolder {
  std::string folder = ".";
  bool is_forced = false;  // replace what is there
};

struct CertInitOptions {
  CertFolder files;
  std::string cluster_id;  // empty: a random one
  std::int64_t days = 3650;
};
ExitCode run_cert_init(const Context& context, const CertInitOptions& options);

struct CertIssueOptions {
  CertFolder files;
  std::string name;
  bool is_node = false;
  std::string role;
  std::string node_id;  // empty: a random one
  std::vector<std::string> hosts;
  std::string out;  // folder; empty: that of the authority
  std::int64_t days = 365;
};
ExitCode run_cert_issue(const Context& context, const CertIssueOptions& options);

struct CertRenewOptions {
  CertFolder files;
  std::string file;
  std::int64_t days = 365;
};
ExitCode run_cert_renew(const Context& context, const CertRenewOptions& options);

struct CertShowOptions {
  std::vector<std::string> files;
};
ExitCode run_cert_show(const Context& context, const CertShowOptions& options);

}  // namespace sluice::cli
