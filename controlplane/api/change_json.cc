// SPDX-License-Identifier: Apache-2.0
#include "change_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "config_source.h"
#include "object_reader.h"
#include "request_target.h"
#include "suggest.h"

namespace sluice::api {
namespace {

namespace json = boost::json;
using node::ApiCode;
using node::ApiResult;

constexpr std::uint32_t weight_max = 65535;
constexpr std::uint32_t percent_max = 1000;

node::ApiError invalid(std::string message, std::string hint = {}) {
  return node::api_error(ApiCode::invalid, std::move(message), std::move(hint));
}

// One of an enumeration's words.
template <typename Enum, std::size_t count>
std::optional<Enum> word(ObjectReader& reader, std::string_view key, const std::array<Enum, count>& values) {
  const std::optional<std::string> written = reader.text(key);
  if (!written) return std::nullopt;
  std::array<std::string_view, count> words;
  for (std::size_t i = 0; i < count; ++i) {
    words[i] = to_text(values[i]);
    if (words[i] == *written) return values[i];
  }
  reader.fail(key, fmt::format("{} is unknown{}; allowed: {}", in_quotes(*written), did_you_mean(*written, words),
                               fmt::join(words, ", ")));
  return std::nullopt;
}

std::optional<PortHost> port(ObjectReader& reader, std::string_view key) {
  const std::optional<std::uint64_t> number = reader.number(key, 65535);
  if (!number) return std::nullopt;
  return PortHost(static_cast<std::uint16_t>(*number));
}

void read_service(ObjectReader& reader, model::ServiceRecord& record) {
  if (const auto pool = reader.text("pool")) record.pool = *pool;
  if (const auto address = reader.address("address")) record.config.address = *address;
  if (const auto found = port(reader, "port")) record.config.port = *found;
  if (const auto protocol = word<Protocol, 2>(reader, "protocol", {Protocol::tcp, Protocol::udp}))
    record.config.protocol = *protocol;
  if (const auto track = reader.flag("track")) record.config.track = *track;
  if (const auto fragments = reader.flag("fragments")) record.config.fragments = *fragments;
  if (const auto unreachable = reader.flag("unreachable")) record.config.unreachable = *unreachable;
}

void read_pool(ObjectReader& reader, model::SetPool& pool) {
  pool.encapsulation =
      word<Encapsulation, 3>(reader, "encapsulation", {Encapsulation::ipip, Encapsulation::gue, Encapsulation::l2});
  pool.gue_port = port(reader, "gue_port");
  if (const auto slots = reader.number("slots", 0xffffffff)) pool.slots_count = static_cast<std::uint32_t>(*slots);
  if (const auto mtu = reader.number("mtu", 65535)) pool.mtu = static_cast<std::uint16_t>(*mtu);
}

// Text or number.
std::optional<ApiResult<WeightWish>> read_weight(ObjectReader& reader) {
  const json::value* value = reader.any("weight");
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const json::string& text = value->get_string();
    return parse_weight({text.data(), text.size()});
  }
  if (const auto number = reader.number("weight", weight_max))
    return WeightWish{WeightWish::Kind::absolute, static_cast<std::uint32_t>(*number)};
  return std::nullopt;
}

void read_backend(ObjectReader& reader, MemberConfig& backend) {
  if (const auto weight = read_weight(reader)) {
    if (*weight) {
      backend.weight = (*weight)->applied_to(backend.weight);
    } else {
      reader.fail("weight", weight->error().message);
    }
  }
  if (const auto address = reader.address("address")) backend.address = *address;
}

ApiResult<MemberConfig> member_of(const json::value& value, std::size_t index) {
  const std::string where = fmt::format("backends[{}]", index);
  if (!value.is_object()) return invalid(fmt::format("{} must be an object", where));
  ObjectReader reader(value.get_object(), where);
  MemberConfig member;
  member.name = reader.required_text("name");
  member.address = reader.required_address("address");
  read_backend(reader, member);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return member;
}

}  // namespace

std::uint16_t WeightWish::applied_to(std::uint16_t weight) const {
  const std::int64_t before = weight;
  const std::int64_t by = amount;
  std::int64_t after = by;
  if (kind == Kind::add) after = before + by;
  if (kind == Kind::subtract) after = before - by;
  // Rounded, but never to 0: half of 1 is still in service.
  if (kind == Kind::percent) after = before == 0 || by == 0 ? 0 : std::max<std::int64_t>(1, (before * by + 50) / 100);
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(after, 0, weight_max));
}

ApiResult<WeightWish> parse_weight(std::string_view text) {
  WeightWish wish;
  std::string_view digits = text;
  if (text.starts_with('+') || text.starts_with('-')) {
    wish.kind = text.front() == '+' ? WeightWish::Kind::add : WeightWish::Kind::subtract;
    digits.remove_prefix(1);
  } else if (text.ends_with('%')) {
    wish.kind = WeightWish::Kind::percent;
    digits.remove_suffix(1);
  }
  const std::optional<std::uint64_t> number = parse_number(digits);
  const std::uint64_t maximum = wish.kind == WeightWish::Kind::percent ? percent_max : weight_max;
  if (number && *number <= maximum) {
    wish.amount = static_cast<std::uint32_t>(*number);
    return wish;
  }
  return invalid(fmt::format("weight {} is none", in_quotes(text)),
                 "allowed: 0 to 65535, +10 or -10 of the present weight, 50% of it (up to 1000%)");
}

ApiResult<WeightWish> weight_of_json(const json::object& body) {
  ObjectReader reader(body);
  const auto weight = read_weight(reader);
  if (!weight) reader.fail("weight", "is missing");
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return *weight;
}

ApiResult<model::PutService> new_service(const json::object& body) {
  ObjectReader reader(body);
  model::PutService put;
  put.mode = model::PutMode::create;
  put.service.config.name = reader.required_text("name");
  put.service.config.address = reader.required_address("address");
  put.service.pool = reader.required_text("pool");
  read_service(reader, put.service);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return put;
}

ApiResult<model::PutService> changed_service(model::ServiceRecord record, const json::object& body) {
  ObjectReader reader(body);
  model::PutService put{std::move(record), model::PutMode::replace};
  read_service(reader, put.service);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return put;
}

ApiResult<model::PutPool> new_pool(const json::object& body) {
  ObjectReader reader(body);
  model::PutPool put;
  put.mode = model::PutMode::create;
  put.pool.name = reader.required_text("name");
  model::SetPool set;
  read_pool(reader, set);
  put.pool.encapsulation = set.encapsulation.value_or(put.pool.encapsulation);
  put.pool.gue_port = set.gue_port.value_or(put.pool.gue_port);
  put.pool.slots_count = set.slots_count.value_or(put.pool.slots_count);
  put.pool.mtu = set.mtu.value_or(put.pool.mtu);
  if (const json::array* backends = reader.array("backends")) {
    for (std::size_t i = 0; i < backends->size(); ++i) {
      ApiResult<MemberConfig> member = member_of((*backends)[i], i);
      if (!member) return member.error();
      put.pool.members.push_back(std::move(*member));
    }
  }
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return put;
}

ApiResult<model::SetPool> changed_pool(std::string name, const json::object& body) {
  ObjectReader reader(body);
  model::SetPool set;
  set.name = std::move(name);
  read_pool(reader, set);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return set;
}

ApiResult<model::PutBackend> new_backend(std::string pool, const json::object& body) {
  ObjectReader reader(body);
  model::PutBackend put;
  put.pool = std::move(pool);
  put.mode = model::PutMode::create;
  put.backend.name = reader.required_text("name");
  put.backend.address = reader.required_address("address");
  read_backend(reader, put.backend);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return put;
}

ApiResult<model::PutBackend> changed_backend(std::string pool, MemberConfig backend, const json::object& body) {
  ObjectReader reader(body);
  model::PutBackend put{std::move(pool), std::move(backend), model::PutMode::replace};
  read_backend(reader, put.backend);
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  return put;
}

ApiResult<ApplyWish> apply_of_json(const json::object& body) {
  ObjectReader reader(body);
  const std::string text = reader.required_text("config");
  const std::optional<std::string> within = reader.text("confirm_within");
  if (const node::ApiStatus status = reader.finish(); !status) return status.error();
  ApplyWish wish;
  if (within) {
    const auto duration = parse_duration(*within);
    if (!duration) return duration.error();
    if (duration->count() == 0) return invalid("confirm_within must be more than nothing");
    wish.confirm_within = *duration;
  }
  ApiResult<model::ReplaceAll> all = cluster_config(text);
  if (!all) return all.error();
  wish.all = std::move(*all);
  return wish;
}

ApiResult<model::RequestId> parse_request_id(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != '-'; });
  model::RequestId id{};
  bool is_good = digits.size() == 2 * id.size();
  for (std::size_t i = 0; is_good && i < id.size(); ++i) {
    const auto nibble = [&](char c) {
      constexpr std::string_view hex = "0123456789abcdef";
      const std::size_t at = hex.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      is_good &= at != std::string_view::npos;
      return is_good ? at : 0;
    };
    id[i] = static_cast<std::uint8_t>(nibble(digits[2 * i]) * 16 + nibble(digits[2 * i + 1]));
  }
  if (is_good && id != model::RequestId{}) return id;
  return invalid(fmt::format("Request-Id {} is none", in_quotes(text)),
                 "allowed: 32 hexadecimal digits, or a UUID; not all of them zero");
}

}  // namespace sluice::api
