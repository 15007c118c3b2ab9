// SPDX-License-Identifier: Apache-2.0
#include "control_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "control_request.h"
#include "errno_error.h"

namespace sluice {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return make_error(ErrorCode::invalid_argument, "control socket path is empty or too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// A socket file outlives its process; only somebody who answers is a reason not to take its place.
Status clear_place(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return make_error(ErrorCode::conflict,
                      "control socket " + path + ": something else is there; remove it or choose another path");
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.is_open() && (connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN))
    return make_error(ErrorCode::conflict, "control socket " + path +
                                               " is in use by another process; stop it, or give this one a "
                                               "control_socket of its own");
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_error("cannot replace the old control socket " + path, errno);
  return {};
}

}  // namespace

ControlServer::ControlServer(EventLoop& loop, Handler handler, ControlLimits limits)
    : loop_(loop), handler_(std::move(handler)), limits_(limits) {}

ControlServer::~ControlServer() {
  close();
}

Status ControlServer::listen(const std::string& path) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address) return address.error();
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  if (Status cleared = clear_place(path, *address); !cleared) return cleared;
  UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.is_open()) return errno_error("cannot make the control socket", errno);
  // The mode is set before anybody can connect: bind() applies the umask, listen() opens the door.
  if (bind(listener.get(), generic(*address), sizeof *address) != 0)
    return errno_error("cannot make the control socket " + path, errno);
  path_ = path;
  if (chmod(path.c_str(), 0660) != 0 || ::listen(listener.get(), 16) != 0) {
    const int number = errno;
    close();
    return errno_error("cannot open the control socket " + path, number);
  }
  listener_ = std::move(listener);
  return loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_client(); });
}

void ControlServer::close() {
  while (!clients_.empty()) drop(clients_.begin()->first);
  if (listener_.is_open()) loop_.forget(listener_.get());
  listener_.reset();
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
}

void ControlServer::flush(std::chrono::milliseconds limit) {
  const Clock::time_point end = Clock::now() + limit;
  for (auto& [fd, client] : clients_) {
    while (!client.output.empty() && Clock::now() < end && write_to(client)) {
      if (!client.output.empty()) usleep(1000);
    }
  }
}

void ControlServer::sweep(Clock::time_point now) {
  for (auto next = clients_.begin(); next != clients_.end();) {
    const int fd = next->first;
    const Client& client = next->second;
    const bool silent = now - client.active > limits_.idle || (client.payload && now > client.payload->deadline);
    ++next;
    if (silent) drop(fd);
  }
}

void ControlServer::accept_client() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.is_open()) return;
  if (clients_.size() >= limits_.clients) {
    const std::string full = refusal(make_error(ErrorCode::out_of_capacity, "too many clients; try again")) + "\n";
    [[maybe_unused]] const ssize_t sent = send(fd.get(), full.data(), full.size(), MSG_NOSIGNAL);
    return;
  }
  const int number = fd.get();
  if (!loop_.watch(number, EPOLLIN, [this, number](std::uint32_t events) { on_client(number, events); })) return;
  Client client;
  client.fd = std::move(fd);
  client.active = Clock::now();
  clients_.emplace(number, std::move(client));
}

void ControlServer::on_client(int fd, std::uint32_t events) {
  const auto found = clients_.find(fd);
  if (found == clients_.end()) return;
  Client& client = found->second;
  client.active = Clock::now();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && client.output.empty()) {
    if (!read_from(client)) {
      drop(fd);
      return;
    }
  }
  if (!write_to(client) || (client.ends && client.output.empty())) {
    drop(fd);
    return;
  }
  // Whoever does not read its answers is not read from either.
  loop_.change(fd, client.output.empty() ? EPOLLIN : EPOLLOUT);
}

bool ControlServer::read_from(Client& client) {
  // Long enough for a large payload, short enough for the others that wait meanwhile.
  constexpr std::size_t payload_bytes_at_once = 1 << 20;
  if (!client.payload) return receive(client, 16 * 1024);
  return receive(client, std::min(client.payload->bytes_left, payload_bytes_at_once));
}

bool ControlServer::receive(Client& client, std::size_t bytes_max) {
  room_.resize(std::max(room_.size(), bytes_max));
  const ssize_t count = recv(client.fd.get(), room_.data(), bytes_max, 0);
  if (count == 0) return false;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  const std::string_view bytes(room_.data(), static_cast<std::size_t>(count));
  if (client.payload)
    take_payload(client, bytes);
  else
    client.input.append(bytes);
  answer_input(client);
  return true;
}

bool ControlServer::is_receiving() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& one) { return one.second.payload && one.second.payload->on_payload; });
}

void ControlServer::answer_input(Client& client) {
  std::size_t begin = 0;
  while (!client.ends && !client.payload) {
    const std::size_t end = client.input.find('\n', begin);
    if (end == std::string::npos) break;
    std::string_view line(client.input.data() + begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.size() > limits_.request_bytes) break;
    begin = end + 1;
    if (line.empty()) continue;
    answer_line(client, line);
    if (!client.payload) continue;
    const std::string rest = client.input.substr(begin);
    const std::size_t taken = std::min(rest.size(), client.payload->bytes_left);
    begin += taken;
    take_payload(client, std::string_view(rest).substr(0, taken));
  }
  client.input.erase(0, begin);
  if (client.input.size() > limits_.request_bytes && !client.ends) {
    client.output += refusal(make_error(ErrorCode::invalid_argument,
                                        "request is longer than " + std::to_string(limits_.request_bytes) + " bytes")) +
                     '\n';
    client.ends = true;
    client.input.clear();
  }
}

void ControlServer::answer_line(Client& client, std::string_view line) {
  ControlReply reply = handler_(line);
  if (reply.on_payload && is_receiving()) {
    reply.on_payload = nullptr;
    reply.text = refusal(make_error(ErrorCode::conflict, "another client is sending a state; try again"));
  }
  if (!reply.on_payload) client.output += reply.text + '\n';
  client.ends = client.ends || reply.closes;
  if (reply.payload_bytes == 0 && !reply.on_payload) return;
  client.payload = Payload{reply.payload_bytes, {}, std::move(reply.on_payload), Clock::now() + limits_.payload};
  // Address space only, until the bytes come.
  if (client.payload->on_payload) client.payload->bytes.reserve(reply.payload_bytes);
}

void ControlServer::take_payload(Client& client, std::string_view bytes) {
  Payload& payload = *client.payload;
  payload.bytes_left -= bytes.size();
  if (payload.on_payload) payload.bytes.append(bytes);
  if (payload.bytes_left > 0) return;
  const Payload whole = std::move(payload);
  client.payload.reset();
  if (whole.on_payload) client.output += whole.on_payload(whole.bytes) + '\n';
}

bool ControlServer::write_to(Client& client) {
  std::size_t done = 0;
  bool good = true;
  while (done < client.output.size()) {
    const ssize_t count = send(client.fd.get(), client.output.data() + done, client.output.size() - done, MSG_NOSIGNAL);
    if (count < 0) {
      good = errno == EAGAIN || errno == EINTR;
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  client.output.erase(0, done);
  return good;
}

void ControlServer::drop(int fd) {
  loop_.forget(fd);
  clients_.erase(fd);
}

}  // namespace sluice
