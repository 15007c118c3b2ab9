// SPDX-License-Identifier: Apache-2.0
// Raft's decoders against any bytes: an error, or one value that encodes to the very same bytes. What decodes is then
// given to a node, which must survive it. The first byte chooses the decoder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "raft.h"
#include "raft_codec.h"

namespace {

using namespace sluice::raft;

// Not assert: the check must hold in every build type.
void require(bool condition) {
  if (!condition) std::abort();
}

std::unique_ptr<Raft> follower() {
  RaftOptions options;
  options.id = NodeId(2);
  Configuration configuration;
  for (std::uint64_t id = 1; id <= 3; ++id) configuration.members.push_back({NodeId(id), MemberRole::voter, "", ""});
  StoredState stored = bootstrap_state(configuration, std::make_shared<const std::string>());
  return Raft::make(options, std::move(stored), [](std::uint32_t) { return 0U; }).value();
}

void give(Message message) {
  const std::unique_ptr<Raft> raft = follower();
  message.to = NodeId(2);
  for (int again = 0; again < 2; ++again) {
    raft->step(message);
    const RaftStatus status = raft->status();
    require(status.commit <= status.last && status.stable <= status.last && status.first <= next(status.commit));
    while (raft->has_ready()) raft->persisted(raft->take_ready().sequence);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    const sluice::Result<Configuration> configuration = decode_configuration(bytes);
    if (configuration) require(encode_configuration(*configuration) == bytes);
    return 0;
  }
  sluice::Result<Message> message = decode_message(bytes);
  if (!message) return 0;
  require(encode_message(*message) == bytes);
  give(std::move(*message));
  return 0;
}
