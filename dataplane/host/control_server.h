// SPDX-License-Identifier: Apache-2.0
// The local control socket: lines in, lines out, and bytes behind a line that announces them (docs/control-socket.md).
// Every buffer, the number of clients and the time a silent or slow one may stay are bounded, so that no client can
// make the plane process large or slow.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "error.h"
#include "event_loop.h"
#include "unique_fd.h"

namespace sluice {

struct ControlLimits {
  std::size_t request_bytes = 64 * 1024;
  std::size_t clients = 32;
  std::chrono::milliseconds idle = std::chrono::seconds(60);
  // From the line that announces bytes to the last of them, however busily they drip in. The largest state at a tenth
  // of what a unix socket carries.
  std::chrono::milliseconds payload = std::chrono::seconds(30);
};

// What a request line is answered with.
struct ControlReply {
  using OnPayload = std::function<std::string(std::string_view payload)>;

  ControlReply(std::string answer) : text(std::move(answer)) {}

  std::string text;               // without its end; not sent if on_payload will answer
  std::size_t payload_bytes = 0;  // so many bytes follow the line: they go to on_payload, or nowhere without one
  OnPayload on_payload = nullptr;
  bool closes = false;  // what follows the line cannot be told from requests
};

class ControlServer {
 public:
  // A request line without its end -> the answer. One payload is received at a time; others are refused and passed by.
  using Handler = std::function<ControlReply(std::string_view line)>;
  using Clock = std::chrono::steady_clock;

  // `loop` must outlive the server.
  ControlServer(EventLoop& loop, Handler handler, ControlLimits limits = {});
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // Makes the socket (mode 0660) and the directory it is in. Replaces a socket nobody listens on any more; conflict if
  // somebody does.
  Status listen(const std::string& path);
  // Closes everything and removes the socket's file.
  void close();
  // Sends what is still owed, for at most `limit`: the last answer before the process ends.
  void flush(std::chrono::milliseconds limit);

  // Closes clients that have been silent for too long. To be called about once a second while there are any.
  void sweep(Clock::time_point now);
  [[nodiscard]] bool has_clients() const { return !clients_.empty(); }

 private:
  struct Payload {
    std::size_t bytes_left = 0;
    std::string bytes;
    ControlReply::OnPayload on_payload;  // null: nobody wants them
    Clock::time_point deadline;
  };
  struct Client {
    UniqueFd fd;
    std::string input;
    std::string output;
    bool ends = false;  // close when the output is gone
    std::optional<Payload> payload;
    Clock::time_point active;
  };

  void accept_client();
  void on_client(int fd, std::uint32_t events);
  bool read_from(Client& client);
  bool receive(Client& client, std::size_t bytes_max);
  void answer_input(Client& client);
  void answer_line(Client& client, std::string_view line);
  void take_payload(Client& client, std::string_view bytes);
  [[nodiscard]] bool is_receiving() const;
  bool write_to(Client& client);
  void drop(int fd);

  EventLoop& loop_;
  Handler handler_;
  ControlLimits limits_;
  std::string path_;
  UniqueFd listener_;
  std::map<int, Client> clients_;
  std::string room_;  // what recv() fills; as long as the longest of them so far
};

}  // namespace sluice
