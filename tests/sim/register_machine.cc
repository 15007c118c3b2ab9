// SPDX-License-Identifier: Apache-2.0
#include "register_machine.h"

#include "byte_codec.h"

namespace sluice::sim {
namespace {

std::string encode_answer(const RegisterAnswer& answer) {
  ByteWriter writer;
  writer.put_flag(answer.is_known);
  writer.put(answer.found);
  return writer.take();
}

RegisterCommand decode(const std::string& bytes) {
  ByteReader reader(bytes);
  RegisterCommand command;
  command.client = reader.get<std::uint32_t>();
  command.request = reader.get<std::uint64_t>();
  command.key = reader.get<std::uint32_t>();
  command.is_conditional = reader.get_flag();
  command.expected = reader.get<std::uint64_t>();
  command.written = reader.get<std::uint64_t>();
  return command;
}

}  // namespace

std::string encode(const RegisterCommand& command) {
  ByteWriter writer;
  writer.put(command.client);
  writer.put(command.request);
  writer.put(command.key);
  writer.put_flag(command.is_conditional);
  writer.put(command.expected);
  writer.put(command.written);
  return writer.take();
}

RegisterAnswer decode_answer(const std::string& bytes) {
  ByteReader reader(bytes);
  RegisterAnswer answer;
  answer.is_known = reader.get_flag();
  answer.found = reader.get<std::uint64_t>();
  return answer;
}

std::string encode_question(std::uint32_t key) {
  ByteWriter writer;
  writer.put(key);
  return writer.take();
}

std::string RegisterMachine::apply(const std::string& bytes) {
  const RegisterCommand command = decode(bytes);
  Session& session = sessions_[command.client];
  if (command.request < session.request) return encode_answer({});
  if (command.request == session.request) return encode_answer({true, session.found});
  std::uint64_t& value = values_[command.key];
  session = {command.request, value};
  if (!command.is_conditional || value == command.expected) value = command.written;
  for (const std::uint64_t part : {std::uint64_t{command.client}, command.request, std::uint64_t{command.key}, value}) {
    hash_ = (hash_ ^ part) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 32;
  }
  return encode_answer({true, session.found});
}

std::string RegisterMachine::query(const std::string& question) const {
  const auto found = values_.find(ByteReader(question).get<std::uint32_t>());
  return encode_answer({true, found == values_.end() ? 0 : found->second});
}

std::string RegisterMachine::save() const {
  ByteWriter writer;
  writer.put(hash_);
  writer.put(static_cast<std::uint32_t>(values_.size()));
  for (const auto& [key, value] : values_) {
    writer.put(key);
    writer.put(value);
  }
  writer.put(static_cast<std::uint32_t>(sessions_.size()));
  for (const auto& [client, session] : sessions_) {
    writer.put(client);
    writer.put(session.request);
    writer.put(session.found);
  }
  return writer.take();
}

void RegisterMachine::restore(const std::string& saved) {
  ByteReader reader(saved);
  values_.clear();
  sessions_.clear();
  hash_ = reader.get<std::uint64_t>();
  for (auto left = reader.get_count(12); left > 0; --left) {
    const auto key = reader.get<std::uint32_t>();
    values_[key] = reader.get<std::uint64_t>();
  }
  for (auto left = reader.get_count(20); left > 0; --left) {
    const auto client = reader.get<std::uint32_t>();
    const auto request = reader.get<std::uint64_t>();
    sessions_[client] = {request, reader.get<std::uint64_t>()};
  }
}

}  // namespace sluice::sim
