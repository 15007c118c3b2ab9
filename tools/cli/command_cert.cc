// SPDX-License-Identifier: Apache-2.0
// sluice cert init | issue | renew | show
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>

#include "cert_commands.h"
#include "cert_files.h"
#include "cert_issue.h"
#include "suggest.h"
#include "text_table.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;
using io::CertInfo;
using io::CertTime;

// A month: once in a while somebody looks, and there is time to renew.
constexpr std::chrono::days soon{30};

CertTime now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string in_folder(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

std::string date_text(CertTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::int64_t days_left(const CertInfo& info) {
  return std::chrono::floor<std::chrono::days>(info.not_after - now()).count();
}

bool is_ending(const CertInfo& info) {
  return info.not_after - now() < soon;
}

std::string whose(const CertInfo& info) {
  switch (info.name.kind) {
    case io::CertKind::ca:
      return "authority";
    case io::CertKind::node:
      return "node " + io::node_id_text(info.name.node_id);
    case io::CertKind::client:
      return std::string(io::to_text(info.name.role)) + ' ' + info.name.name;
  }
  return {};
}

json::object info_json(const std::string& file, const CertInfo& info) {
  json::object object = {{"file", file},
                         {"kind", io::to_text(info.name.kind)},
                         {"name", info.common_name},
                         {"cluster_id", info.name.cluster_id},
                         {"uri", io::to_uri(info.name)},
                         {"hosts", json::array(info.host_names.begin(), info.host_names.end())},
                         {"serial", info.serial},
                         {"sha256", info.fingerprint},
                         {"not_before", date_text(info.not_before)},
                         {"not_after", date_text(info.not_after)},
                         {"days_left", days_left(info)}};
  if (info.name.kind == io::CertKind::node) object["node_id"] = io::node_id_text(info.name.node_id);
  if (info.name.kind == io::CertKind::client) object["role"] = io::to_text(info.name.role);
  return object;
}

// What was written, and what it is.
ExitCode report_made(const Context& context, const std::vector<std::string>& files, const std::string& cert_pem,
                     const std::string& note) {
  const Result<CertInfo> info = io::read_certificate(cert_pem);
  if (!info) return report(context, failure_of(info.error()));
  if (context.json()) {
    json::object object = info_json(files.front(), info.value());
    object["files"] = json::array(files.begin(), files.end());
    print_json(object);
    return ExitCode::ok;
  }
  LabelledLines lines;
  for (const std::string& file : files) lines.add("wrote", file);
  lines.add("for", whose(info.value()) + " of cluster " + info->name.cluster_id);
  lines.add("until", fmt::format("{} ({} days)", date_text(info->not_after), days_left(info.value())));
  if (!note.empty()) lines.add("note", note);
  print(lines.text(context.color_out));
  return ExitCode::ok;
}

Outcome<io::KeyAndCert> read_authority(const std::string& folder) {
  const auto hint = [&](const Error& error) {
    Failure failure = failure_of(error);
    if (error.code == ErrorCode::not_found)
      failure.message += "; sluice cert init makes an authority, --dir says where it is";
    return failure;
  };
  Result<std::string> certificate = io::read_small_file(in_folder(folder, "ca.crt"));
  if (!certificate) return hint(certificate.error());
  Result<std::string> key = io::read_secret_file(in_folder(folder, "ca.key"));
  if (!key) return hint(key.error());
  return io::KeyAndCert{std::move(key.value()), std::move(certificate.value())};
}

// Nothing is written unless both can be.
Status write_pair(const std::string& stem, const io::KeyAndCert& made, bool is_forced) {
  const std::string key = stem + ".key";
  const std::string certificate = stem + ".crt";
  if (!is_forced) {
    for (const std::string& path : {key, certificate}) {
      if (!std::filesystem::exists(std::filesystem::symlink_status(path))) continue;
      return make_error(ErrorCode::conflict, path + " is there already and is kept; --force replaces it");
    }
  }
  const io::Existing existing = is_forced ? io::Existing::replace : io::Existing::keep;
  if (Status status = io::write_file_whole(key, made.key_pem, io::FileKind::secret, existing); !status) return status;
  return io::write_file_whole(certificate, made.cert_pem, io::FileKind::open, existing);
}

ExitCode write_and_report(const Context& context, const std::string& stem, const io::KeyAndCert& made, bool is_forced,
                          const std::string& note) {
  if (Status status = write_pair(stem, made, is_forced); !status) return report(context, failure_of(status.error()));
  return report_made(context, {stem + ".crt", stem + ".key"}, made.cert_pem, note);
}

Outcome<io::IssueRequest> request_of(const CertIssueOptions& options, const std::string& cluster_id) {
  io::IssueRequest request;
  request.common_name = options.name;
  request.host_names = options.hosts;
  request.name.cluster_id = cluster_id;
  if (options.is_node == !options.role.empty()) {
    return Failure{ExitCode::usage, "say either --node or --role viewer|operator|admin", {}};
  }
  if (!options.is_node) {
    constexpr std::array<std::string_view, 3> roles = {"viewer", "operator", "admin"};
    const std::optional<io::CertRole> role = io::cert_role_named(options.role);
    if (!role) {
      return Failure{ExitCode::usage,
                     fmt::format("there is no role {}{} allowed: viewer, operator, admin", in_quotes(options.role),
                                 did_you_mean(options.role, roles).empty() ? ";" : did_you_mean(options.role, roles)),
                     {}};
    }
    if (!options.node_id.empty()) return Failure{ExitCode::usage, "--node-id is for --node only", {}};
    request.name.role = *role;
    request.name.name = options.name;
    return request;
  }
  request.name.kind = io::CertKind::node;
  request.name.node_id = io::make_node_id();
  if (!options.node_id.empty()) {
    const Result<std::uint64_t> id = io::parse_node_id(options.node_id);
    if (!id) return Failure{ExitCode::usage, id.error().context, {}};
    request.name.node_id = id.value();
  }
  return request;
}

}  // namespace

ExitCode run_cert_init(const Context& context, const CertInitOptions& options) {
  const std::string id = options.cluster_id.empty() ? io::make_cluster_id() : options.cluster_id;
  const Result<io::KeyAndCert> made = io::make_ca(id, {now(), std::chrono::days(options.days)});
  if (!made) return report(context, failure_of(made.error()));
  std::error_code fault;
  std::filesystem::create_directories(options.files.folder, fault);
  return write_and_report(context, in_folder(options.files.folder, "ca"), made.value(), options.files.is_forced,
                          "ca.key signs whoever may command the cluster: keep it off the balancers");
}

ExitCode run_cert_issue(const Context& context, const CertIssueOptions& options) {
  const Outcome<io::KeyAndCert> ca = read_authority(options.files.folder);
  if (!ca) return report(context, ca.error());
  const Result<CertInfo> authority = io::read_certificate(ca->cert_pem);
  if (!authority) return report(context, failure_of(authority.error()));
  const Outcome<io::IssueRequest> request = request_of(options, authority->name.cluster_id);
  if (!request) return report(context, request.error());
  if (options.name == "ca") {
    return report(context, {ExitCode::usage, "\"ca\" is the authority's own name; choose another one", {}});
  }
  const Result<io::KeyAndCert> made =
      io::issue_certificate(ca.value(), request.value(), {now(), std::chrono::days(options.days)});
  if (!made) return report(context, failure_of(made.error()));
  const std::string& folder = options.out.empty() ? options.files.folder : options.out;
  return write_and_report(context, in_folder(folder, options.name), made.value(), options.files.is_forced, "");
}

ExitCode run_cert_renew(const Context& context, const CertRenewOptions& options) {
  const Outcome<io::KeyAndCert> ca = read_authority(options.files.folder);
  if (!ca) return report(context, ca.error());
  const Result<std::string> old = io::read_small_file(options.file);
  if (!old) return report(context, failure_of(old.error()));
  const Result<std::string> renewed =
      io::renew_certificate(ca.value(), old.value(), {now(), std::chrono::days(options.days)});
  if (!renewed) return report(context, failure_of(renewed.error()));
  const Status status = io::write_file_whole(options.file, renewed.value(), io::FileKind::open, io::Existing::replace);
  if (!status) return report(context, failure_of(status.error()));
  return report_made(context, {options.file}, renewed.value(), "sluiced takes it with its next reload");
}

ExitCode run_cert_show(const Context& context, const CertShowOptions& options) {
  json::array list;
  TextTable table({{"FILE", Align::left},
                   {"NAME", Align::left},
                   {"FOR", Align::left},
                   {"CLUSTER", Align::left},
                   {"UNTIL", Align::left},
                   {"DAYS LEFT", Align::right}});
  bool is_any_ending = false;
  for (const std::string& file : options.files) {
    const Result<std::string> pem = io::read_small_file(file);
    if (!pem) return report(context, failure_of(pem.error()));
    const Result<CertInfo> info = io::read_certificate(pem.value());
    if (!info) return report(context, failure_of(make_error(info.error().code, file + ": " + info.error().context)));
    is_any_ending = is_any_ending || is_ending(info.value());
    list.push_back(info_json(file, info.value()));
    const Color color = !is_ending(info.value())      ? Color::none
                        : days_left(info.value()) < 0 ? Color::red
                                                      : Color::yellow;
    table.add_row({file, info->common_name, whose(info.value()), info->name.cluster_id, date_text(info->not_after),
                   fmt::format("{}", days_left(info.value()))},
                  color);
  }
  if (context.json()) {
    print_json(list);
  } else {
    print(table.text(context.color_out));
  }
  return is_any_ending ? ExitCode::degraded : ExitCode::ok;
}

}  // namespace sluice::cli
