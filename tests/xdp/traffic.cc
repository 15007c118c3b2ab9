// SPDX-License-Identifier: Apache-2.0
// A sender and receiver of numbered packets on packet sockets, for tests that count every single one:
//
//   traffic --send IFACE --receive IFACE --mac MAC --vip ADDRESS --port N [--protocol tcp|udp] [--flows N] [--pps N]
//
// Sends in the present network namespace until standard input ends, then waits for what is under way and prints one
// JSON object: sent, received, lost, duplicates, stalls, and how many packets came by which outer header ("by").
//
// At most `window` packets are under way at a time, fewer than the 256 a veth queues for an XDP program, so a lost
// packet was lost by the balancer and by nothing else.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::uint64_t magic = 0x5c1ce5c1ce5c1ceULL;
constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t ipv4_bytes = 20;
constexpr std::size_t tcp_bytes = 20;
constexpr std::size_t udp_bytes = 8;
constexpr std::size_t payload_bytes = 16;
constexpr std::uint64_t packets_max = std::uint64_t{1} << 26;
constexpr std::uint64_t window = 128;
constexpr std::size_t batch = 16;

struct Options {
  std::string send;
  std::string receive;
  std::array<std::uint8_t, 6> mac{};
  std::uint32_t vip = 0;
  std::uint16_t port = 80;
  bool is_tcp = true;
  std::uint32_t flows = 1000;
  std::uint64_t pps = 100000;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "traffic: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    const char* value = argv[i + 1];
    if (key == "--send") options.send = value;
    if (key == "--receive") options.receive = value;
    if (key == "--port") options.port = static_cast<std::uint16_t>(std::atoi(value));
    if (key == "--protocol") options.is_tcp = std::strcmp(value, "tcp") == 0;
    if (key == "--flows") options.flows = static_cast<std::uint32_t>(std::atoi(value));
    if (key == "--pps") options.pps = static_cast<std::uint64_t>(std::atoll(value));
    if (key == "--vip" && inet_pton(AF_INET, value, &options.vip) != 1) die("--vip");
    if (key == "--mac") {
      unsigned m[6];
      if (std::sscanf(value, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6) die("--mac");
      for (std::size_t k = 0; k < 6; ++k) options.mac[k] = static_cast<std::uint8_t>(m[k]);
    }
  }
  if (options.receive.empty()) options.receive = options.send;
  return options;
}

int open_socket(const std::string& interface, bool receives) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, receives ? htons(ETH_P_ALL) : 0);
  if (fd < 0) die("packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = receives ? htons(ETH_P_ALL) : 0;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind to " + interface);
  const int bytes = 64 << 20;
  setsockopt(fd, SOL_SOCKET, receives ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &bytes, sizeof bytes);
  if (receives) {
    const int on = 1;
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  }
  return fd;
}

void put16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

std::uint16_t get16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

std::uint16_t header_checksum(const std::uint8_t* header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < ipv4_bytes; i += 2) sum += get16(header + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

using Frame = std::array<std::uint8_t, ethernet_bytes + ipv4_bytes + tcp_bytes + payload_bytes>;

std::size_t frame_bytes(const Options& options) {
  return ethernet_bytes + ipv4_bytes + (options.is_tcp ? tcp_bytes : udp_bytes) + payload_bytes;
}

void fill_frame(const Options& options, std::uint64_t number, Frame& frame) {
  const auto flow = static_cast<std::uint32_t>(number % options.flows);
  frame.fill(0);
  std::memcpy(frame.data(), options.mac.data(), 6);
  frame[6] = 2;
  frame[11] = 9;
  put16(frame.data() + 12, ETH_P_IP);
  std::uint8_t* ip = frame.data() + ethernet_bytes;
  ip[0] = 0x45;
  put16(ip + 2, frame_bytes(options) - ethernet_bytes);
  put16(ip + 6, 0x4000);
  ip[8] = 64;
  ip[9] = options.is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
  const std::uint32_t source = htonl(0xc6336400u | (1 + flow / 50000));  // 198.51.100.1 and on
  std::memcpy(ip + 12, &source, 4);
  std::memcpy(ip + 16, &options.vip, 4);
  put16(ip + 10, header_checksum(ip));
  std::uint8_t* l4 = ip + ipv4_bytes;
  put16(l4, 10000 + flow % 50000);
  put16(l4 + 2, options.port);
  if (options.is_tcp) {
    l4[12] = 5 << 4;
    l4[13] = number < options.flows ? 0x02 : 0x10;  // each flow begins with a SYN
  } else {
    put16(l4 + 4, udp_bytes + payload_bytes);
  }
  std::uint8_t* payload = l4 + (options.is_tcp ? tcp_bytes : udp_bytes);
  std::memcpy(payload, &magic, 8);
  std::memcpy(payload + 8, &number, 8);
}

// Which of our packets a frame is, and the outer header it came by.
struct Arrival {
  std::uint64_t number = 0;
  std::string way;
};

std::string address_text(const std::uint8_t* at) {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, at, text, sizeof text);
  return text;
}

bool read_frame(const Options& options, const std::uint8_t* data, std::size_t bytes, Arrival& arrival) {
  if (bytes < ethernet_bytes + ipv4_bytes + udp_bytes + payload_bytes || get16(data + 12) != ETH_P_IP) return false;
  char mac[18];
  std::snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", data[0], data[1], data[2], data[3], data[4], data[5]);
  std::size_t at = ethernet_bytes;
  arrival.way = std::string(mac) + " ";
  if (std::memcmp(data + at + 16, &options.vip, 4) == 0) {
    arrival.way += "plain";
  } else {
    const std::uint8_t protocol = data[at + 9];
    arrival.way += address_text(data + at + 12) + ">" + address_text(data + at + 16);
    at += ipv4_bytes;
    if (protocol == IPPROTO_IPIP) {
      arrival.way += " ipip";
    } else if (protocol == IPPROTO_UDP) {
      arrival.way += " gue" + std::to_string(get16(data + at + 2));
      at += udp_bytes + 4 + std::size_t{4} * (data[at + udp_bytes] & 0x1fu);
    } else {
      return false;
    }
  }
  if (at + ipv4_bytes + udp_bytes + payload_bytes > bytes) return false;
  at += ipv4_bytes + (data[at + 9] == IPPROTO_TCP ? tcp_bytes : udp_bytes);
  if (at + payload_bytes > bytes || std::memcmp(data + at, &magic, 8) != 0) return false;
  std::memcpy(&arrival.number, data + at + 8, 8);
  return true;
}

struct Shared {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> given_up{0};  // no longer counted as under way
  std::atomic<bool> ends{false};
};

struct Result {
  std::uint64_t duplicates = 0;
  std::map<std::string, std::uint64_t> ways;
};

void receive(const Options& options, int fd, Shared& shared, Result& result) {
  std::vector<std::uint8_t> seen(packets_max / 8);
  std::array<std::uint8_t, 4096> buffer;
  Arrival arrival;
  while (!shared.ends) {
    pollfd ready{fd, POLLIN, 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    for (;;) {
      const ssize_t bytes = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (bytes <= 0) break;
      if (!read_frame(options, buffer.data(), static_cast<std::size_t>(bytes), arrival)) continue;
      if (arrival.number >= packets_max) continue;
      std::uint8_t& place = seen[arrival.number / 8];
      const auto bit = static_cast<std::uint8_t>(1u << (arrival.number % 8));
      if (place & bit) {
        ++result.duplicates;
        continue;
      }
      place |= bit;
      ++result.ways[arrival.way];
      ++shared.received;
    }
  }
}

// A veth's packets are processed on the CPU that sent them, and each CPU remembers flows of its own. A NIC keeps a flow
// on one CPU; so do we.
void stay_on_one_cpu() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) die("sched_getaffinity");
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) die("sched_setaffinity");
    return;
  }
}

// Returns how often the window had to be forced open: packets were lost, or came very late.
std::uint64_t send_all(const Options& options, int fd, Shared& shared) {
  std::array<Frame, batch> frames;
  std::array<iovec, batch> vectors;
  std::array<mmsghdr, batch> messages{};
  std::uint64_t stalls = 0;
  stay_on_one_cpu();
  const Clock::time_point begin = Clock::now();
  Clock::time_point progress = begin;
  std::uint64_t last_received = 0;
  while (shared.sent < packets_max - batch) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte;
    if (poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0) break;
    const Clock::time_point now = Clock::now();
    if (shared.received != last_received) {
      last_received = shared.received;
      progress = now;
    }
    const auto elapsed_us =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now - begin).count());
    const bool too_fast = shared.sent > elapsed_us * options.pps / 1000000;
    if (shared.sent + batch > shared.received + shared.given_up + window || too_fast) {
      if (!too_fast && now - progress > milliseconds(500)) {
        shared.given_up = shared.sent - shared.received;
        ++stalls;
        progress = now;
      }
      usleep(50);
      continue;
    }
    for (std::size_t i = 0; i < batch; ++i) {
      fill_frame(options, shared.sent + i, frames[i]);
      vectors[i] = {frames[i].data(), frame_bytes(options)};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = sendmmsg(fd, messages.data(), batch, 0);
    if (count > 0) shared.sent += static_cast<std::uint64_t>(count);
  }
  return stalls;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  const int sender = open_socket(options.send, false);
  const int receiver = open_socket(options.receive, true);
  Shared shared;
  Result result;
  std::thread thread([&] { receive(options, receiver, shared, result); });
  std::printf("sending\n");
  std::fflush(stdout);
  const std::uint64_t stalls = send_all(options, sender, shared);
  // What is under way on a busy machine may need a moment; a lost packet needs for ever.
  for (int i = 0; i < 100 && shared.received < shared.sent; ++i) usleep(10000);
  shared.ends = true;
  thread.join();
  std::string ways;
  for (const auto& [way, count] : result.ways)
    ways += (ways.empty() ? "" : ", ") + std::string("\"") + way + "\": " + std::to_string(count);
  std::printf(
      "{\"sent\": %llu, \"received\": %llu, \"lost\": %llu, \"duplicates\": %llu, \"stalls\": %llu, \"by\": {%s}}\n",
      static_cast<unsigned long long>(shared.sent), static_cast<unsigned long long>(shared.received),
      static_cast<unsigned long long>(shared.sent - shared.received),
      static_cast<unsigned long long>(result.duplicates), static_cast<unsigned long long>(stalls), ways.c_str());
  return 0;
}
