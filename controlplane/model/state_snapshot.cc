// SPDX-License-Identifier: Apache-2.0
// ClusterState as bytes. docs/model.md, "Snapshots":
//   "SLUICEST", u32 format, u32 sections; per section u32 bytes, u32 bytes compressed (zstd), those; u64 SipHash-2-4 of
//   everything before. Sections: cluster, objects, history, audit, sessions, generations, then one per slot table.
// A slot table compresses by its entropy (log2 of the backends, in bits a slot), so low and high bytes stand apart.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "cluster_state.h"
#include "config_rules.h"
#include "siphash.h"
#include "value_codec.h"

namespace sluice::model {

namespace {

constexpr std::string_view magic = "SLUICEST";
constexpr std::uint32_t format_version = 1;
constexpr SipKey checksum_key = sip_key("sluice-snapsh-01");
// Between speed and size: slot tables gain 1 % at level 9 for five times the time.
constexpr int compression_level = 1;
// Longest section: 100,000 backends in every kept revision stay below.
constexpr std::uint32_t section_bytes_max = 1u << 29;
constexpr std::size_t section_head_bytes = 8;
constexpr std::size_t fixed_sections = 6;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Error broken(std::string_view what) {
  return make_error(ErrorCode::invalid_argument,
                    fmt::format("not a snapshot of a cluster's state, or a damaged one: {}", what));
}

class SectionWriter {
 public:
  SectionWriter() : context_(ZSTD_createCCtx()) {}

  void add(std::string_view raw) {
    SLUICE_INVARIANT(raw.size() <= section_bytes_max);
    std::string packed(ZSTD_compressBound(raw.size()), '\0');
    const std::size_t size =
        ZSTD_compressCCtx(context_.get(), packed.data(), packed.size(), raw.data(), raw.size(), compression_level);
    SLUICE_INVARIANT(ZSTD_isError(size) == 0);
    body_.put(static_cast<std::uint32_t>(raw.size()));
    body_.put(static_cast<std::uint32_t>(size));
    body_.put_raw(std::string_view(packed).substr(0, size));
    ++count_;
  }

  std::string take() {
    ByteWriter out;
    out.reserve(body_.size() + 32);
    out.put_raw(magic);
    out.put(format_version);
    out.put(count_);
    out.put_raw(body_.view());
    out.put(siphash24(checksum_key, out.view()));
    return out.take();
  }

 private:
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
  ByteWriter body_;
  std::uint32_t count_ = 0;
};

Status check_frame(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.get_raw(magic.size()) != magic) return broken("it does not begin like one");
  const auto version = in.get<std::uint32_t>();
  if (in.ok() && version > format_version) {
    return make_error(ErrorCode::unsupported,
                      fmt::format("the snapshot has format {}, and this program reads up to {}; use the version of "
                                  "sluiced that wrote it",
                                  version, format_version));
  }
  if (!in.ok() || version != format_version) return broken("it has no format that there ever was");
  if (in.left() < sizeof(std::uint64_t)) return broken("it ends too early");
  const std::string_view hashed = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  ByteReader end(bytes.substr(hashed.size()));
  if (end.get<std::uint64_t>() != siphash24(checksum_key, hashed)) return broken("its checksum is wrong");
  return {};
}

// Unpacks one section after the other.
class SectionReader {
 public:
  // Of bytes that check_frame() has passed.
  explicit SectionReader(std::string_view bytes)
      : context_(ZSTD_createDCtx()), in_(bytes.substr(0, bytes.size() - sizeof(std::uint64_t))) {
    static_cast<void>(in_.get_raw(magic.size() + sizeof(format_version)));
    left_ = in_.get_count(section_head_bytes);
  }

  [[nodiscard]] std::uint32_t left() const { return left_; }
  [[nodiscard]] bool is_finished() const { return left_ == 0 && in_.is_finished(); }

  Result<std::string> next() {
    const auto size = in_.get<std::uint32_t>();
    const std::string_view packed = in_.get_text();
    if (!in_.ok() || left_ == 0 || size > section_bytes_max) return broken("a section is missing");
    // Asks the frame itself before memory is given.
    if (ZSTD_getFrameContentSize(packed.data(), packed.size()) != size) return broken("a section has another size");
    std::string raw(size, '\0');
    const std::size_t got = ZSTD_decompressDCtx(context_.get(), raw.data(), raw.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) != 0 || got != size) return broken("a section cannot be unpacked");
    --left_;
    return raw;
  }

 private:
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  ByteReader in_;
  std::uint32_t left_ = 0;
};

// u16 values, low bytes first and then the high ones.
template <typename Values>
void put_planes(ByteWriter& out, const Values& values) {
  std::string plane;
  plane.reserve(values.size());
  for (const unsigned shift : {0u, 8u}) {
    plane.clear();
    for (const std::uint16_t value : values) plane.push_back(static_cast<char>(value >> shift & 0xff));
    out.put_raw(plane);
  }
}

std::vector<std::uint16_t> get_planes(ByteReader& in, std::size_t count) {
  const std::string_view low = in.get_raw(count);
  const std::string_view high = in.get_raw(count);
  if (!in.ok()) return {};
  std::vector<std::uint16_t> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] =
        static_cast<std::uint16_t>(static_cast<unsigned char>(low[i]) | static_cast<unsigned char>(high[i]) << 8);
  return values;
}

void put_slot_table(ByteWriter& out, const SlotTable& table) {
  out.put(table.slots_count());
  out.put(static_cast<std::uint8_t>(table.owners_max()));
  out.put(static_cast<std::uint32_t>(table.members().size()));
  for (const SlotTable::Member& member : table.members()) {
    out.put_text(member.identity);
    out.put(member.weight);
    out.put_flag(member.present);
  }
  const std::vector<SlotOwners> lists = table.lists().unpacked();
  out.put_flag(!lists.empty());
  if (lists.empty()) return;
  std::array<std::vector<std::uint16_t>, slot_owners_max> columns;
  std::string lengths;
  lengths.reserve(lists.size());
  for (const SlotOwners& owners : lists) {
    lengths.push_back(static_cast<char>(owners.size()));
    for (std::size_t i = 0; i < owners.size(); ++i) columns.at(i).push_back(owners[i]);
  }
  out.put_raw(lengths);
  for (const auto& column : columns) put_planes(out, column);
}

std::vector<SlotOwners> get_lists(ByteReader& in, std::uint32_t slots_count) {
  const std::string_view lengths = in.get_raw(slots_count);
  std::array<std::size_t, slot_owners_max> counts{};
  for (const char length : lengths) {
    if (length < 1 || static_cast<std::size_t>(length) > slot_owners_max) {
      in.fail();
      return {};
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i) ++counts.at(i);
  }
  std::array<std::vector<std::uint16_t>, slot_owners_max> columns;
  for (std::size_t i = 0; i < slot_owners_max; ++i) columns.at(i) = get_planes(in, counts.at(i));
  if (!in.ok()) return {};
  std::vector<SlotOwners> lists;
  lists.reserve(lengths.size());
  std::array<std::size_t, slot_owners_max> next{};
  for (const char length : lengths) {
    std::array<std::uint16_t, slot_owners_max> ids{};
    ids.fill(no_member);
    for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i) ids.at(i) = columns.at(i)[next.at(i)++];
    lists.emplace_back(ids[0], SlotOwners::Past{ids[1], ids[2], ids[3]});
  }
  return lists;
}

Result<SlotTable> get_slot_table(ByteReader& in) {
  SlotTableOptions options;
  options.slots_count = in.get<std::uint32_t>();
  options.owners_max = in.get<std::uint8_t>();
  std::vector<SlotTable::KeptMember> members(in.get_count(4 + 4 + 1));
  for (SlotTable::KeptMember& member : members) {
    member.identity = get_string(in);
    member.weight = in.get<std::uint32_t>();
    member.present = in.get_flag();
    if (member.identity.empty()) continue;
    const Result<SlotIdentity> identity = parse_slot_identity(member.identity);
    if (!identity || !name_fault(identity->name).empty() ||
        !address_fault(identity->address, AddressKind::backend).empty())
      return broken("a slot table has a backend that cannot be");
  }
  const std::vector<SlotOwners> lists = in.get_flag() ? get_lists(in, options.slots_count) : std::vector<SlotOwners>{};
  if (!in.ok() || options.owners_max != limits::owners_max) return broken("a slot table is cut off");
  return SlotTable::restore(options, members, lists);
}

// The members that the last step was given are those of the configuration.
bool is_table_of(const PoolConfig& config, const SlotTable& table) {
  if (config.slots_count != table.slots_count()) return false;
  std::size_t present = 0;
  for (const SlotTable::Member& member : table.members()) present += member.present ? 1 : 0;
  if (present != config.members.size()) return false;
  std::map<std::string_view, const SlotTable::Member*> by_identity;
  for (const SlotTable::Member& member : table.members())
    if (member.present) by_identity.emplace(member.identity, &member);
  return std::all_of(config.members.begin(), config.members.end(), [&](const MemberConfig& member) {
    const auto found = by_identity.find(slot_identity(member));
    return found != by_identity.end() && found->second->weight == member.weight;
  });
}

template <typename T, typename Put>
void put_list(ByteWriter& out, const T& list, Put put) {
  out.put(static_cast<std::uint32_t>(list.size()));
  for (const auto& one : list) put(one);
}

void put_backend_key(ByteWriter& out, const BackendKey& key) {
  put_address(out, key.address);
  out.put(key.encapsulation);
  out.put(key.gue_port);
}

BackendKey get_backend_key(ByteReader& in) {
  BackendKey key;
  key.address = get_address(in);
  key.encapsulation = in.get<std::uint8_t>();
  key.gue_port = in.get<std::uint16_t>();
  return key;
}

}  // namespace

class SnapshotWriter {
 public:
  explicit SnapshotWriter(const ClusterState& state) : state_(state) {}

  std::string run() {
    add([this](ByteWriter& out) { put_cluster(out); });
    add([this](ByteWriter& out) { put_objects(out); });
    add([this](ByteWriter& out) { put_history(out); });
    add([this](ByteWriter& out) { put_audit(out); });
    add([this](ByteWriter& out) { put_sessions(out); });
    add([this](ByteWriter& out) { put_generations(out); });
    for (const PoolTable* table : tables_) add([&](ByteWriter& out) { put_table(out, *table); });
    return sections_.take();
  }

 private:
  template <typename Put>
  void add(Put put) {
    ByteWriter out;
    put(out);
    sections_.add(out.view());
  }

  void put_cluster(ByteWriter& out) const {
    out.put(state_.feature_level_);
    out.put_text(state_.cluster_id_);
    out.put_text(state_.name_);
    put_bytes(out, state_.hash_key_);
    out.put(state_.applied_index_);
    out.put(state_.revision_);
    put_policy(out, state_.policy_);
    put_list(out, state_.balancers_, [&](const auto& entry) { put_balancer(out, entry.second); });
    put_list(out, state_.backend_ids_.all(), [&](const auto& entry) {
      put_backend_key(out, entry.first);
      out.put(entry.second);
    });
    out.put(state_.backend_ids_.next());
    put_list(out, state_.pending_pools_, [&](const std::string& name) { out.put_text(name); });
    out.put_flag(state_.are_services_pending_);
    put_list(out, state_.laggards_, [&](std::uint64_t node) { out.put(node); });
  }

  void put_objects(ByteWriter& out) const {
    put_list(out, state_.pools_, [&](const auto& entry) { put_pool(out, *entry.second); });
    put_list(out, state_.services_, [&](const auto& entry) { put_service(out, *entry.second); });
  }

  void put_history(ByteWriter& out) const {
    put_list(out, state_.history_, [&](const ClusterState::KeptRevision& kept) {
      out.put(kept.info.revision);
      out.put(kept.info.index);
      out.put(kept.info.time_ms);
      put_author(out, kept.info.author);
      out.put_text(kept.info.comment);
      out.put_text(kept.info.summary);
      put_list(out, kept.pools_before, [&](const auto& entry) {
        out.put_text(entry.first);
        out.put_flag(entry.second != nullptr);
        if (entry.second) put_pool(out, *entry.second);
      });
      put_list(out, kept.services_before, [&](const auto& entry) {
        out.put_text(entry.first);
        out.put_flag(entry.second != nullptr);
        if (entry.second) put_service(out, *entry.second);
      });
    });
  }

  void put_audit(ByteWriter& out) const {
    out.put(state_.audit_count_);
    put_bytes(out, state_.audit_head_);
    put_list(out, state_.audit_, [&](const AuditEntry& entry) {
      out.put_text(encode_audit_content(entry));
      put_bytes(out, entry.chain);
    });
  }

  void put_sessions(ByteWriter& out) const {
    put_list(out, state_.session_order_, [&](const RequestId& id) {
      put_bytes(out, id);
      put_outcome(out, state_.sessions_.at(id));
    });
  }

  void put_generations(ByteWriter& out) {
    put_generation(out, *state_.active_);
    out.put_flag(state_.prepared_ != nullptr);
    if (!state_.prepared_) return;
    const bool is_shared = state_.prepared_->services == state_.active_->services;
    out.put_flag(is_shared);
    put_generation(out, *state_.prepared_);
  }

  void put_generation(ByteWriter& out, const GenerationTables& tables) {
    out.put(tables.number);
    put_list(out, *tables.services, [&](const auto& entry) {
      const auto found = state_.services_.find(entry.first);
      const bool is_present = found != state_.services_.end() && *found->second == *entry.second;
      out.put_flag(is_present);
      if (is_present) {
        out.put_text(entry.first);
      } else {
        put_service(out, *entry.second);
      }
    });
    put_list(out, tables.pools, [&](const auto& entry) {
      const auto [found, is_new] = numbers_.emplace(entry.second.get(), static_cast<std::uint32_t>(tables_.size()));
      if (is_new) tables_.push_back(entry.second.get());
      out.put(found->second);
    });
  }

  void put_table(ByteWriter& out, const PoolTable& table) const {
    const auto found = state_.pools_.find(table.config->name);
    const bool is_present = found != state_.pools_.end() && *found->second == *table.config;
    out.put_flag(is_present);
    if (is_present) {
      out.put_text(table.config->name);
    } else {
      put_pool(out, *table.config);
    }
    put_slot_table(out, *table.slots);
  }

  const ClusterState& state_;
  SectionWriter sections_;
  std::vector<const PoolTable*> tables_;  // by number
  std::map<const PoolTable*, std::uint32_t> numbers_;
};

namespace {

// What a generation is made of before its tables are there.
struct GenerationParts {
  std::uint64_t number = 0;
  std::shared_ptr<const ServiceMap> services;
  std::vector<std::uint32_t> tables;
};
struct TableParts {
  SharedPoolConfig config;
  std::shared_ptr<const SlotTable> slots;
  SharedPoolTable made;
};

}  // namespace

class SnapshotReader {
 public:
  explicit SnapshotReader(std::string_view bytes) : sections_(bytes) {}

  Result<ClusterState> run() {
    if (sections_.left() < fixed_sections) return broken("sections are missing");
    using Get = Status (SnapshotReader::*)(ByteReader&);
    for (const Get get : {&SnapshotReader::get_cluster, &SnapshotReader::get_objects, &SnapshotReader::get_history,
                          &SnapshotReader::get_audit, &SnapshotReader::get_sessions, &SnapshotReader::get_generations})
      if (const Status status = section([&](ByteReader& in) { return (this->*get)(in); }); !status)
        return status.error();
    while (sections_.left() > 0)
      if (const Status status = section([&](ByteReader& in) { return get_table(in); }); !status) return status.error();
    if (!sections_.is_finished()) return broken("something follows its end");
    if (const Status status = assemble(); !status) return status.error();
    return std::move(state_);
  }

 private:
  template <typename Get>
  Status section(Get get) {
    const Result<std::string> raw = sections_.next();
    if (!raw) return raw.error();
    ByteReader in(*raw);
    if (const Status status = get(in); !status) return status;
    if (!in.is_finished()) return broken("a section does not hold what it should");
    return {};
  }

  Status get_cluster(ByteReader& in) {
    state_.feature_level_ = in.get<std::uint16_t>();
    if (state_.feature_level_ > feature_level_supported) {
      return make_error(ErrorCode::unsupported,
                        fmt::format("the snapshot is of a cluster at feature level {}, and this program understands up "
                                    "to {}; use the cluster's version of sluiced",
                                    state_.feature_level_, feature_level_supported));
    }
    state_.cluster_id_ = get_string(in);
    state_.name_ = get_string(in);
    state_.hash_key_ = get_bytes<std::tuple_size_v<HashKeyBytes>>(in);
    state_.applied_index_ = in.get<std::uint64_t>();
    state_.revision_ = in.get<std::uint64_t>();
    state_.policy_ = get_policy(in);
    for (std::uint32_t left = in.get_count(4 + 8 + 4 + 2); left > 0 && in.ok(); --left) {
      BalancerRecord balancer = get_balancer(in);
      if (!state_.balancers_.emplace(balancer.name, balancer).second) return broken("a balancer stands twice");
    }
    std::vector<std::pair<BackendKey, std::uint32_t>> ids;
    for (std::uint32_t left = in.get_count(5 + 1 + 2 + 4); left > 0 && in.ok(); --left) {
      const BackendKey key = get_backend_key(in);
      ids.emplace_back(key, in.get<std::uint32_t>());
    }
    Result<BackendIds> restored = BackendIds::restore(ids, in.get<std::uint32_t>());
    if (!restored) return restored.error();
    state_.backend_ids_ = std::move(*restored);
    for (std::uint32_t left = in.get_count(4); left > 0 && in.ok(); --left)
      state_.pending_pools_.insert(get_string(in));
    state_.are_services_pending_ = in.get_flag();
    for (std::uint32_t left = in.get_count(8); left > 0 && in.ok(); --left)
      state_.laggards_.push_back(in.get<std::uint64_t>());
    return {};
  }

  Status get_objects(ByteReader& in) {
    for (std::uint32_t left = in.get_count(1); left > 0 && in.ok(); --left) {
      auto pool = std::make_shared<const PoolConfig>(get_pool(in));
      if (state_.pools_.count(pool->name) != 0) return broken("a pool stands twice");
      const std::string name = pool->name;
      state_.set_pool(name, std::move(pool));
    }
    for (std::uint32_t left = in.get_count(1); left > 0 && in.ok(); --left) {
      auto service = std::make_shared<const ServiceRecord>(get_service(in));
      if (state_.services_.count(service->config.name) != 0) return broken("a service stands twice");
      const std::string name = service->config.name;
      state_.set_service(name, std::move(service));
    }
    if (!in.ok()) return broken("objects are cut off");
    return check(state_.pools_, state_.services_);
  }

  static Status check(const PoolMap& pools, const ServiceMap& services) {
    std::vector<const PoolConfig*> all_pools;
    for (const auto& [name, pool] : pools) {
      all_pools.push_back(pool.get());
      if (!is_ordered(*pool)) return broken("a pool's backends are out of order");
    }
    std::vector<ServiceToCheck> all_services;
    for (const auto& [name, service] : services) all_services.push_back({&service->config, service->pool});
    const std::vector<std::string> faults = faults_of(all_pools, all_services);
    if (!faults.empty()) return broken(faults.front());
    return {};
  }

  static bool is_ordered(const PoolConfig& pool) {
    return std::is_sorted(pool.members.begin(), pool.members.end(),
                          [](const MemberConfig& a, const MemberConfig& b) { return a.name < b.name; });
  }

  Status get_history(ByteReader& in) {
    const std::uint32_t count = in.get_count(1);
    if (count == 0) return broken("it has no revision");
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
      ClusterState::KeptRevision& kept = state_.history_.emplace_back();
      kept.info.revision = in.get<std::uint64_t>();
      kept.info.index = in.get<std::uint64_t>();
      kept.info.time_ms = in.get<std::uint64_t>();
      kept.info.author = get_author(in);
      kept.info.comment = get_string(in);
      kept.info.summary = get_string(in);
      for (std::uint32_t left = in.get_count(5); left > 0 && in.ok(); --left) {
        std::string name = get_string(in);
        SharedPoolConfig pool = in.get_flag() ? std::make_shared<const PoolConfig>(get_pool(in)) : nullptr;
        if (pool && (pool->name != name || !is_ordered(*pool))) return broken("a revision has a pool of another name");
        kept.pools_before.emplace_back(std::move(name), std::move(pool));
      }
      for (std::uint32_t left = in.get_count(5); left > 0 && in.ok(); --left) {
        std::string name = get_string(in);
        SharedService service = in.get_flag() ? std::make_shared<const ServiceRecord>(get_service(in)) : nullptr;
        if (service && service->config.name != name) return broken("a revision has a service of another name");
        kept.services_before.emplace_back(std::move(name), std::move(service));
      }
      if (kept.info.revision + (count - 1 - i) != state_.revision_) return broken("revisions are missing");
      state_.history_objects_ += ClusterState::objects_of(kept);
    }
    return {};
  }

  Status get_audit(ByteReader& in) {
    state_.audit_count_ = in.get<std::uint64_t>();
    state_.audit_head_ = get_bytes<std::tuple_size_v<Sha256Digest>>(in);
    for (std::uint32_t left = in.get_count(4 + 32); left > 0 && in.ok(); --left) {
      ByteReader content(in.get_text());
      AuditEntry entry;
      entry.sequence = content.get<std::uint64_t>();
      entry.index = content.get<std::uint64_t>();
      entry.time_ms = content.get<std::uint64_t>();
      entry.request_id = get_bytes<std::tuple_size_v<RequestId>>(content);
      entry.author = get_author(content);
      entry.comment = get_string(content);
      entry.summary = get_string(content);
      entry.code = get_enum(content, OutcomeCode::accepted, OutcomeCode::malformed);
      entry.revision = content.get<std::uint64_t>();
      entry.message = get_string(content);
      entry.chain = get_bytes<std::tuple_size_v<Sha256Digest>>(in);
      if (!content.is_finished()) return broken("an audit entry is none");
      state_.audit_.push_back(std::move(entry));
    }
    if (!state_.audit_.empty() && state_.audit_.back().sequence != state_.audit_count_)
      return broken("audit entries are missing");
    return state_.verify_audit();
  }

  Status get_sessions(ByteReader& in) {
    for (std::uint32_t left = in.get_count(16 + 1 + 24 + 8 + 1); left > 0 && in.ok(); --left) {
      const auto id = get_bytes<std::tuple_size_v<RequestId>>(in);
      if (!state_.sessions_.emplace(id, get_outcome(in)).second) return broken("a request stands twice");
      state_.session_order_.push_back(id);
    }
    return {};
  }

  Status get_generations(ByteReader& in) {
    if (const Status status = get_generation(in, active_); !status) return status;
    if (!in.get_flag()) return {};
    const bool is_shared = in.get_flag();
    if (const Status status = get_generation(in, prepared_.emplace()); !status) return status;
    if (prepared_->number != active_.number + 1) return broken("generations do not follow each other");
    if (is_shared) prepared_->services = active_.services;
    return {};
  }

  Status get_generation(ByteReader& in, GenerationParts& parts) {
    parts.number = in.get<std::uint64_t>();
    auto services = std::make_shared<ServiceMap>();
    for (std::uint32_t left = in.get_count(5); left > 0 && in.ok(); --left) {
      SharedService service;
      if (in.get_flag()) {
        const auto found = state_.services_.find(in.get_text());
        if (found == state_.services_.end()) return broken("a generation has a service that is not there");
        service = found->second;
      } else {
        service = std::make_shared<const ServiceRecord>(get_service(in));
      }
      services->emplace(service->config.name, service);
    }
    parts.services = std::move(services);
    for (std::uint32_t left = in.get_count(4); left > 0 && in.ok(); --left)
      parts.tables.push_back(in.get<std::uint32_t>());
    return {};
  }

  Status get_table(ByteReader& in) {
    TableParts parts;
    if (in.get_flag()) {
      const auto found = state_.pools_.find(in.get_text());
      if (found == state_.pools_.end()) return broken("a slot table is of a pool that is not there");
      parts.config = found->second;
    } else {
      parts.config = std::make_shared<const PoolConfig>(get_pool(in));
    }
    Result<SlotTable> slots = get_slot_table(in);
    if (!slots) return slots.error();
    if (!is_table_of(*parts.config, *slots)) return broken("a slot table has other backends than its pool");
    parts.slots = std::make_shared<const SlotTable>(std::move(*slots));
    tables_.push_back(std::move(parts));
    return {};
  }

  Status assemble() {
    const std::uint32_t next_id = state_.backend_ids_.next();
    Result<SharedGeneration> active = generation(active_, nullptr);
    if (!active) return active.error();
    state_.active_ = std::move(*active);
    if (prepared_) {
      Result<SharedGeneration> prepared = generation(*prepared_, state_.active_.get());
      if (!prepared) return prepared.error();
      state_.prepared_ = std::move(*prepared);
      state_.prepared_form_ = std::make_shared<const PreparedForm>(
          make_prepared_form(*state_.active_, *state_.prepared_, state_.backend_ids_));
    }
    if (state_.backend_ids_.next() != next_id || state_.backend_ids_.has_unheld())
      return broken("backend ids are not those of its slot tables");
    return {};
  }

  Result<SharedGeneration> generation(const GenerationParts& parts, const GenerationTables* before) {
    PoolMap configs;
    for (const std::uint32_t number : parts.tables) {
      if (number >= tables_.size()) return broken("a generation has a slot table that is not there");
      const SharedPoolConfig& config = tables_[number].config;
      if (!configs.emplace(config->name, config).second) return broken("a generation has a pool twice");
    }
    if (const Status status = check(configs, *parts.services); !status) return status.error();
    const SharedFacts facts = facts_of(*parts.services);
    std::map<std::string, SharedPoolTable, std::less<>> pools;
    for (const std::uint32_t number : parts.tables) {
      TableParts& table = tables_[number];
      if (!table.made) {
        for (const BackendKey& key : backend_keys(*table.config, *table.slots)) state_.backend_ids_.hold(key);
        table.made = pool_table_of(table.config, table.slots, *facts, state_.backend_ids_);
      }
      pools.emplace(table.config->name, table.made);
    }
    return make_generation(parts.number, std::move(pools), parts.services, facts, state_.hash_key_, before,
                           state_.backend_ids_);
  }

  SectionReader sections_;
  ClusterState state_;
  GenerationParts active_;
  std::optional<GenerationParts> prepared_;
  std::vector<TableParts> tables_;
};

std::string ClusterState::snapshot() const {
  return SnapshotWriter(*this).run();
}

Result<ClusterState> ClusterState::restore(std::string_view bytes) {
  if (const Status status = check_frame(bytes); !status) return status.error();
  return SnapshotReader(bytes).run();
}

}  // namespace sluice::model
