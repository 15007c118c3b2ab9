// SPDX-License-Identifier: Apache-2.0
#include "cert_name.h"

#include <algorithm>

#include "hex_number.h"

namespace sluice::io {
namespace {

constexpr std::string_view scheme = "sluice://";

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Takes the text up to the next slash, and the slash, from the front.
std::string_view take_part(std::string_view& text) {
  const std::size_t slash = text.find('/');
  const std::string_view part = text.substr(0, slash);
  text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
  return part;
}

}  // namespace

std::string_view to_text(CertKind kind) {
  switch (kind) {
    case CertKind::ca:
      return "ca";
    case CertKind::node:
      return "node";
    case CertKind::client:
      return "client";
  }
  return "";
}

std::string_view to_text(CertRole role) {
  switch (role) {
    case CertRole::viewer:
      return "viewer";
    case CertRole::operates:
      return "operator";
    case CertRole::admin:
      return "admin";
  }
  return "";
}

std::optional<CertRole> cert_role_named(std::string_view text) {
  for (const CertRole role : {CertRole::viewer, CertRole::operates, CertRole::admin}) {
    if (to_text(role) == text) return role;
  }
  return std::nullopt;
}

std::string to_uri(const CertName& name) {
  const std::string start = std::string(scheme) + name.cluster_id;
  switch (name.kind) {
    case CertKind::ca:
      return start + "/ca";
    case CertKind::node:
      return start + "/node/" + node_id_text(name.node_id);
    case CertKind::client:
      return start + "/role/" + std::string(to_text(name.role)) + '/' + name.name;
  }
  return {};
}

std::optional<CertName> parse_cert_uri(std::string_view uri) {
  const std::string_view whole = uri;
  if (!uri.starts_with(scheme)) return std::nullopt;
  uri.remove_prefix(scheme.size());
  CertName name;
  name.cluster_id = take_part(uri);
  const std::string_view kind = take_part(uri);
  if (!is_cluster_id(name.cluster_id)) return std::nullopt;
  if (kind == "ca") {
    name.kind = CertKind::ca;
  } else if (kind == "node") {
    name.kind = CertKind::node;
    const Result<std::uint64_t> id = parse_node_id(uri);
    if (!id) return std::nullopt;
    name.node_id = id.value();
  } else if (kind == "role") {
    const std::optional<CertRole> role = cert_role_named(take_part(uri));
    if (!role || !is_cert_holder(uri)) return std::nullopt;
    name.role = *role;
    name.name = uri;
  } else {
    return std::nullopt;
  }
  // Whatever else could be read as the same name is not one.
  if (to_uri(name) != whole) return std::nullopt;
  return name;
}

bool is_cluster_id(std::string_view text) {
  constexpr std::size_t length_max = 64;
  return !text.empty() && text.size() <= length_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_cert_holder(std::string_view text) {
  constexpr std::size_t length_max = 63;
  constexpr std::string_view marks = "-_.@";
  return !text.empty() && text.size() <= length_max && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [=](char c) { return is_letter_or_digit(c) || marks.find(c) != std::string_view::npos; });
}

Result<std::uint64_t> parse_node_id(std::string_view text) {
  const std::optional<std::uint64_t> id = parse_hex(text);
  if (!id || *id == 0) {
    return make_error(ErrorCode::invalid_argument,
                      "\"" + std::string(text) + "\" is no node id; allowed: up to 16 hex digits, not 0");
  }
  return *id;
}

std::string node_id_text(std::uint64_t node_id) {
  return hex_text(node_id);
}

}  // namespace sluice::io
