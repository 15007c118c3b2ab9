// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <fmt/format.h>

#include <type_traits>

#include "byte_codec.h"
#include "suggest.h"
#include "value_codec.h"

namespace sluice::model {
namespace {

// Alternatives of Command, by their numbers in the log.
enum class Kind : std::uint8_t { change = 1, prepare = 2, activate = 3, set_level = 4 };

// Everything there is has been there since the first level. What is added later says so here, and level_of() takes the
// highest of a change's operations.
constexpr std::uint16_t level_first = 1;

// Bytes of the shortest encodings, which bound how many of them can follow.
constexpr std::size_t operation_bytes_min = 1 + 4;
constexpr std::size_t pool_bytes_min = 4 + 1 + 2 + 4 + 2 + 4;
constexpr std::size_t service_bytes_min = 4 + 5 + 2 + 1 + 4 + 3;

class OperationWriter {
 public:
  explicit OperationWriter(ByteWriter& out) : out_(out) {}

  void operator()(const PutPool& op) {
    put_pool(out_, op.pool);
    mode(op.mode);
  }
  void operator()(const SetPool& op) {
    out_.put_text(op.name);
    const auto as_u8 = [](Encapsulation encapsulation) { return static_cast<std::uint8_t>(encapsulation); };
    put_optional(out_, op.encapsulation ? std::optional(as_u8(*op.encapsulation)) : std::nullopt);
    put_optional(out_, op.gue_port ? std::optional(op.gue_port->value()) : std::nullopt);
    put_optional(out_, op.slots_count);
    put_optional(out_, op.mtu);
  }
  void operator()(const DeletePool& op) { out_.put_text(op.name); }
  void operator()(const PutService& op) {
    put_service(out_, op.service);
    mode(op.mode);
  }
  void operator()(const DeleteService& op) { out_.put_text(op.name); }
  void operator()(const PutBackend& op) {
    out_.put_text(op.pool);
    put_member(out_, op.backend);
    mode(op.mode);
  }
  void operator()(const DeleteBackend& op) {
    out_.put_text(op.pool);
    out_.put_text(op.name);
  }
  void operator()(const SetWeight& op) {
    out_.put_text(op.pool);
    out_.put_text(op.backend);
    out_.put(op.weight);
  }
  void operator()(const PutBalancer& op) { put_balancer(out_, op.balancer); }
  void operator()(const DeleteBalancer& op) { out_.put_text(op.name); }
  void operator()(const SetPolicy& op) { put_policy(out_, op.policy); }
  void operator()(const ReplaceAll& op) {
    out_.put(static_cast<std::uint32_t>(op.pools.size()));
    for (const PoolConfig& pool : op.pools) put_pool(out_, pool);
    out_.put(static_cast<std::uint32_t>(op.services.size()));
    for (const ServiceRecord& service : op.services) put_service(out_, service);
  }
  void operator()(const Rollback& op) { out_.put(op.revision); }

 private:
  void mode(PutMode mode) { out_.put(static_cast<std::uint8_t>(mode)); }

  ByteWriter& out_;
};

PutMode get_mode(ByteReader& in) {
  return get_enum(in, PutMode::any, PutMode::replace);
}

PutPool get(ByteReader& in, std::type_identity<PutPool>) {
  PutPool op;
  op.pool = get_pool(in);
  op.mode = get_mode(in);
  return op;
}
SetPool get(ByteReader& in, std::type_identity<SetPool>) {
  SetPool op;
  op.name = get_string(in);
  if (in.get_flag()) op.encapsulation = get_enum(in, Encapsulation::ipip, Encapsulation::l2);
  if (in.get_flag()) op.gue_port = in.get<PortHost>();
  op.slots_count = get_optional<std::uint32_t>(in);
  op.mtu = get_optional<std::uint16_t>(in);
  return op;
}
DeletePool get(ByteReader& in, std::type_identity<DeletePool>) {
  return {get_string(in)};
}
PutService get(ByteReader& in, std::type_identity<PutService>) {
  PutService op;
  op.service = get_service(in);
  op.mode = get_mode(in);
  return op;
}
DeleteService get(ByteReader& in, std::type_identity<DeleteService>) {
  return {get_string(in)};
}
PutBackend get(ByteReader& in, std::type_identity<PutBackend>) {
  PutBackend op;
  op.pool = get_string(in);
  op.backend = get_member(in);
  op.mode = get_mode(in);
  return op;
}
DeleteBackend get(ByteReader& in, std::type_identity<DeleteBackend>) {
  DeleteBackend op;
  op.pool = get_string(in);
  op.name = get_string(in);
  return op;
}
SetWeight get(ByteReader& in, std::type_identity<SetWeight>) {
  SetWeight op;
  op.pool = get_string(in);
  op.backend = get_string(in);
  op.weight = in.get<std::uint16_t>();
  return op;
}
PutBalancer get(ByteReader& in, std::type_identity<PutBalancer>) {
  return {get_balancer(in)};
}
DeleteBalancer get(ByteReader& in, std::type_identity<DeleteBalancer>) {
  return {get_string(in)};
}
SetPolicy get(ByteReader& in, std::type_identity<SetPolicy>) {
  return {get_policy(in)};
}
ReplaceAll get(ByteReader& in, std::type_identity<ReplaceAll>) {
  ReplaceAll op;
  const std::uint32_t pools = in.get_count(pool_bytes_min);
  for (std::uint32_t i = 0; i < pools && in.ok(); ++i) op.pools.push_back(get_pool(in));
  const std::uint32_t services = in.get_count(service_bytes_min);
  for (std::uint32_t i = 0; i < services && in.ok(); ++i) op.services.push_back(get_service(in));
  return op;
}
Rollback get(ByteReader& in, std::type_identity<Rollback>) {
  return {in.get<std::uint64_t>()};
}

template <std::size_t I = 0>
Operation get_operation(ByteReader& in, std::uint8_t tag) {
  if constexpr (I < std::variant_size_v<Operation>) {
    if (tag == I) return get(in, std::type_identity<std::variant_alternative_t<I, Operation>>{});
    return get_operation<I + 1>(in, tag);
  } else {
    in.fail();
    return {};
  }
}

void put_body(ByteWriter& out, const Change& change) {
  put_bytes(out, change.request_id);
  put_author(out, change.author);
  out.put(change.time_ms);
  out.put_text(change.comment);
  put_optional(out, change.base_revision);
  out.put_flag(change.force);
  out.put(static_cast<std::uint32_t>(change.operations.size()));
  for (const Operation& operation : change.operations) {
    out.put(static_cast<std::uint8_t>(operation.index()));
    std::visit(OperationWriter(out), operation);
  }
}

Change get_change(ByteReader& in) {
  Change change;
  change.request_id = get_bytes<std::tuple_size_v<RequestId>>(in);
  change.author = get_author(in);
  change.time_ms = in.get<std::uint64_t>();
  change.comment = get_string(in);
  change.base_revision = get_optional<std::uint64_t>(in);
  change.force = in.get_flag();
  const std::uint32_t count = in.get_count(operation_bytes_min);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const auto tag = in.get<std::uint8_t>();
    change.operations.push_back(get_operation(in, tag));
  }
  return change;
}

void put_body(ByteWriter& out, const Prepare& prepare) {
  out.put(prepare.generation);
}

void put_body(ByteWriter& out, const Activate& activate) {
  out.put(activate.generation);
  out.put(static_cast<std::uint32_t>(activate.laggards.size()));
  for (const std::uint64_t node : activate.laggards) out.put(node);
}

Activate get_activate(ByteReader& in) {
  Activate activate;
  activate.generation = in.get<std::uint64_t>();
  const std::uint32_t count = in.get_count(sizeof(std::uint64_t));
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) activate.laggards.push_back(in.get<std::uint64_t>());
  return activate;
}

void put_body(ByteWriter& out, const SetFeatureLevel& set) {
  out.put(set.level);
}

Kind kind_of(const Command& command) {
  return static_cast<Kind>(command.index() + 1);
}

Command get_body(ByteReader& in, Kind kind) {
  switch (kind) {
    case Kind::change:
      return get_change(in);
    case Kind::prepare:
      return Prepare{in.get<std::uint64_t>()};
    case Kind::activate:
      return get_activate(in);
    case Kind::set_level:
      return SetFeatureLevel{in.get<std::uint16_t>()};
  }
  in.fail();
  return {};
}

}  // namespace

std::uint16_t level_of(const Command&) {
  return level_first;
}

std::string encode_command(const Command& command) {
  ByteWriter out;
  out.put(level_of(command));
  out.put(static_cast<std::uint8_t>(kind_of(command)));
  std::visit([&](const auto& body) { put_body(out, body); }, command);
  return out.take();
}

Result<CommandHead> decode_head(std::string_view bytes) {
  ByteReader in(bytes);
  CommandHead head;
  head.level = in.get<std::uint16_t>();
  head.kind = in.get<std::uint8_t>();
  if (!in.ok() || head.level == 0)
    return make_error(ErrorCode::invalid_argument, fmt::format("{} bytes are no command", bytes.size()));
  return head;
}

Result<Command> decode_command(std::string_view bytes) {
  const Result<CommandHead> head = decode_head(bytes);
  if (!head) return head.error();
  if (head->level > feature_level_supported) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("a command of feature level {}, and this program understands up to {}; upgrade it",
                                  head->level, feature_level_supported));
  }
  ByteReader in(bytes);
  static_cast<void>(in.get_raw(sizeof(std::uint16_t) + sizeof(std::uint8_t)));
  Command command = get_body(in, static_cast<Kind>(head->kind));
  if (!in.is_finished() || level_of(command) != head->level)
    return make_error(ErrorCode::invalid_argument,
                      fmt::format("{} bytes of kind {} are no command", bytes.size(), head->kind));
  return command;
}

namespace {

std::string_view verb_of(PutMode mode) {
  return mode == PutMode::create ? "create" : mode == PutMode::replace ? "replace" : "put";
}

// Names come from the log and may be anything until apply() has looked at them.
std::string shown(std::string_view name) {
  const std::string quoted = in_quotes(name);
  return quoted.substr(1, quoted.size() - 2);
}

struct OperationText {
  std::string operator()(const PutPool& op) const {
    return fmt::format("{} pool {} ({} backends)", verb_of(op.mode), shown(op.pool.name), op.pool.members.size());
  }
  std::string operator()(const SetPool& op) const {
    std::string text = fmt::format("set pool {}", shown(op.name));
    if (op.encapsulation) text += fmt::format(" encapsulation={}", to_text(*op.encapsulation));
    if (op.gue_port) text += fmt::format(" gue_port={}", op.gue_port->value());
    if (op.slots_count) text += fmt::format(" slots={}", *op.slots_count);
    if (op.mtu) text += fmt::format(" mtu={}", *op.mtu);
    return text;
  }
  std::string operator()(const DeletePool& op) const { return "delete pool " + shown(op.name); }
  std::string operator()(const PutService& op) const {
    const ServiceConfig& config = op.service.config;
    return fmt::format("{} service {} {}/{} port {} pool {}", verb_of(op.mode), shown(config.name),
                       config.address.to_string(), to_text(config.protocol), config.port.value(),
                       shown(op.service.pool));
  }
  std::string operator()(const DeleteService& op) const { return "delete service " + shown(op.name); }
  std::string operator()(const PutBackend& op) const {
    return fmt::format("{} backend {}/{} {} weight {}", verb_of(op.mode), shown(op.pool), shown(op.backend.name),
                       op.backend.address.to_string(), op.backend.weight);
  }
  std::string operator()(const DeleteBackend& op) const {
    return fmt::format("delete backend {}/{}", shown(op.pool), shown(op.name));
  }
  std::string operator()(const SetWeight& op) const {
    return fmt::format("set weight {}/{} {}", shown(op.pool), shown(op.backend), op.weight);
  }
  std::string operator()(const PutBalancer& op) const {
    return fmt::format("put balancer {} level {}", shown(op.balancer.name), op.balancer.feature_level);
  }
  std::string operator()(const DeleteBalancer& op) const { return "delete balancer " + shown(op.name); }
  std::string operator()(const SetPolicy& op) const {
    return fmt::format("set policy deletions_percent_max={} batch_ms={} lease_ms={}", op.policy.deletions_percent_max,
                       op.policy.batch_ms, op.policy.lease_ms);
  }
  std::string operator()(const ReplaceAll& op) const {
    return fmt::format("replace all: {} pools, {} services", op.pools.size(), op.services.size());
  }
  std::string operator()(const Rollback& op) const { return fmt::format("roll back to revision {}", op.revision); }
};

}  // namespace

std::string to_text(const Operation& operation) {
  return std::visit(OperationText{}, operation);
}

std::string summary_of(const Change& change) {
  // More than a few lines of text say less, and audit entries stay in every snapshot.
  constexpr std::size_t shown_max = 4;
  std::string text;
  for (std::size_t i = 0; i < change.operations.size() && i < shown_max; ++i)
    text += (i == 0 ? "" : "; ") + to_text(change.operations[i]);
  if (change.operations.size() > shown_max) text += fmt::format("; and {} more", change.operations.size() - shown_max);
  return text;
}

std::string_view to_text(OutcomeCode code) {
  switch (code) {
    case OutcomeCode::accepted:
      return "accepted";
    case OutcomeCode::unchanged:
      return "unchanged";
    case OutcomeCode::invalid:
      return "invalid";
    case OutcomeCode::not_found:
      return "not_found";
    case OutcomeCode::conflict:
      return "conflict";
    case OutcomeCode::guard:
      return "guard";
    case OutcomeCode::stale:
      return "stale";
    case OutcomeCode::unsupported:
      return "unsupported";
    case OutcomeCode::malformed:
      return "malformed";
  }
  return "?";
}

}  // namespace sluice::model
