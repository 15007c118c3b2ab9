// SPDX-License-Identifier: Apache-2.0
// The local control socket: lines in, lines out (docs/control-socket.md). Every buffer, the number of clients and the
// time a silent one may stay are bounded, so that no client can make the plane process large or slow.
#pragma once

#include <chrono>
#include <functional>
#include <map>
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
};

class ControlServer {
 public:
  // A request line without its end -> the answer without its end.
  using Handler = std::function<std::string(std::string_view line)>;
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
  struct Client {
    UniqueFd fd;
    std::string input;
    std::string output;
    bool ends = false;  // close when the output is gone
    Clock::time_point active;
  };

  void accept_client();
  void on_client(int fd, std::uint32_t events);
  bool read_from(Client& client);
  void answer_lines(Client& client);
  bool write_to(Client& client);
  void drop(int fd);

  EventLoop& loop_;
  Handler handler_;
  ControlLimits limits_;
  std::string path_;
  UniqueFd listener_;
  std::map<int, Client> clients_;
};

}  // namespace sluice
