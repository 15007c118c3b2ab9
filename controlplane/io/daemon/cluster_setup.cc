// SPDX-License-Identifier: Apache-2.0
#include "cluster_setup.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <filesystem>

#include "cert_files.h"
#include "cert_issue.h"
#include "cluster_state.h"

namespace sluice::io {
namespace {

// Root's alone: the state holds the cluster's hash key.
Status make_directory(const std::string& path) {
  std::error_code failed;
  const bool is_new = std::filesystem::create_directories(path, failed);
  if (!failed && is_new) std::filesystem::permissions(path, std::filesystem::perms::owner_all, failed);
  if (failed) return make_error(ErrorCode::io, fmt::format("cannot make {}: {}", path, failed.message()));
  return {};
}

}  // namespace

LoadedDaemonConfig load_daemon_config(const std::string& path) {
  const Result<std::string> text = read_small_file(path);
  if (!text) return {std::nullopt, {text.error().context + "; docs/cluster.md says what is in it"}};
  DaemonConfigOutcome outcome = parse_daemon_config(*text);
  LoadedDaemonConfig loaded;
  for (const Diagnostic& error : outcome.errors) loaded.faults.push_back(to_string(error, path));
  loaded.config = std::move(outcome.config);
  return loaded;
}

std::string store_path(const DaemonConfig& config) {
  return config.data_directory + "/state.db";
}

Result<StoreIdentity> identity_of(const DaemonConfig& config) {
  const Result<std::string> pem = read_small_file(config.certificate);
  if (!pem)
    return make_error(pem.error().code,
                      fmt::format("{}; make one with: sluice cert issue {}", pem.error().context, config.name));
  const Result<CertInfo> info = read_certificate(*pem);
  if (!info) return info.error();
  if (info->name.kind != CertKind::node)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} is no balancer's certificate; make one with: sluice cert issue {}",
                                  config.certificate, config.name));
  if (info->common_name != config.name)
    return make_error(ErrorCode::conflict,
                      fmt::format("{} is the certificate of \"{}\", and name in the configuration is \"{}\"; use that "
                                  "name, or issue another certificate",
                                  config.certificate, info->common_name, config.name));
  return StoreIdentity{info->name.cluster_id, raft::NodeId(info->name.node_id)};
}

Result<OpenedStore> open_or_make_store(const DaemonConfig& config, const StoreIdentity& identity) {
  Result<OpenedStore> opened = Store::open(store_path(config), identity);
  if (opened || opened.error().code != ErrorCode::not_found) return opened;
  if (Status made = make_directory(config.data_directory); !made) return made.error();
  if (Status created = Store::create(store_path(config), identity, {}); !created) return created.error();
  return Store::open(store_path(config), identity);
}

Status bootstrap_cluster(const DaemonConfig& config, const std::string& cluster_name) {
  const Result<StoreIdentity> identity = identity_of(config);
  if (!identity) return identity.error();
  model::ClusterSeed seed;
  seed.cluster_id = identity->cluster_id;
  seed.name = cluster_name;
  if (getrandom(seed.hash_key.data(), seed.hash_key.size(), 0) != static_cast<ssize_t>(seed.hash_key.size()))
    return make_error(ErrorCode::io, "the kernel gives no random bytes");
  const Result<model::ClusterState> state = model::ClusterState::make(seed);
  if (!state) return state.error();
  const raft::Member self{identity->node_id, raft::MemberRole::voter, config.name, config.advertise.to_string()};
  if (Status made = make_directory(config.data_directory); !made) return made;
  return Store::create(store_path(config), *identity,
                       raft::bootstrap_state({{self}, {}}, std::make_shared<const std::string>(state->snapshot())));
}

Result<Backup> restore_cluster(const DaemonConfig& config, const std::string& backup_file) {
  const Result<StoreIdentity> identity = identity_of(config);
  if (!identity) return identity.error();
  const Result<std::string> bytes = read_backup_file(backup_file);
  if (!bytes) return bytes.error();
  Result<Backup> backup = decode_backup(*bytes);
  if (!backup) return make_error(backup.error().code, fmt::format("{}: {}", backup_file, backup.error().context));
  if (backup->cluster_id != identity->cluster_id)
    return make_error(ErrorCode::conflict,
                      fmt::format("{} is of the cluster {}, and {} of {}; issue a certificate "
                                  "with the authority of the backup's cluster",
                                  backup_file, backup->cluster_id, config.certificate, identity->cluster_id));
  if (const Result<model::ClusterState> state = model::ClusterState::restore(*backup->snapshot.data); !state)
    return make_error(state.error().code, fmt::format("{}: {}", backup_file, state.error().context));
  const raft::Member self{identity->node_id, raft::MemberRole::voter, config.name, config.advertise.to_string()};
  if (Status made = make_directory(config.data_directory); !made) return made.error();
  if (Status restored = restore_store(store_path(config), *backup, *identity, self); !restored) return restored.error();
  return backup;
}

Result<RecoveryReport> recover_cluster(const DaemonConfig& config) {
  const Result<StoreIdentity> identity = identity_of(config);
  if (!identity) return identity.error();
  // Looked at first: recover_store() takes any node's file.
  if (const Result<OpenedStore> own = Store::open(store_path(config), *identity); !own) return own.error();
  return recover_store(store_path(config), config.advertise.to_string());
}

}  // namespace sluice::io
