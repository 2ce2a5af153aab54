-- The sum exchange in Wireshark: Kurose & Ross, socket assignment 1, in all dialects of sumproto.
--
-- `python -m sumproto.wireshark --install` puts this file where Wireshark finds it. It reads TCP
-- and UDP port 12000, or those of the preference sumproto.ports; for any other, "Decode As" the
-- port of the server as SUMPROTO. What goes to that port is a request, what comes from it a reply.
-- Messages are read by the rules of docs/protocol.md, with these limits:
--
-- * A message with no newline ends by silence, which no dissector can wait for. So bytes at the end
--   of a segment that are a whole message are taken as one at once. If the same side goes on before
--   the other has answered, they were cut: the later segment then shows all of the message, and
--   the earlier one where it goes on, once that is known (in Wireshark, and in tshark with -2).
--   Bytes that are no message yet wait for the next segment, by way of TCP's reassembly; if they
--   never become one, they are left to TCP.
-- * Behind bytes that are no message, the rest of the segment is not read; the next is, anew.
-- * Over TCP, replies answer the requests between two addresses and ports in order. Over UDP, where
--   messages may be lost, a reply answers the latest request, if that has no reply yet: of a request
--   that was sent again, the last copy. The response time is counted from there. Malformed
--   datagrams get no reply.
-- * Packets that were captured in part, or quoted in an ICMP error, are left alone. Behind a part,
--   requests before it have no reply, and a reply may be matched to a request that is too late, if
--   more than one was open. So it is, with no sign, behind a packet that is not in the capture.
-- * Segments in the wrong order are put in order by TCP's tcp.reassemble_out_of_order only.
-- * Of Unicode, less is known here than in Python: characters that are not assigned pass, and
--   digits of other scripts are no numerals.
--
-- Lua 5.2 (Wireshark 4.0 to 4.2) and 5.4 (since 4.4).

local MAX_NAME = 255 -- characters
local MAX_MESSAGE = 1024 -- bytes
local LONGEST = 8 * MAX_MESSAGE -- bytes, with the digits of a number that is out of range anyway
local EXACT_DIGITS = 15 -- that a Lua 5.2 number holds
local SHOWN = 40 -- digits of a longer one
local UDP = 3 -- as pinfo.port_type

local sumproto = Proto("sumproto", "Sum Exchange")

local fields = {
  name = ProtoField.string("sumproto.name", "Name", base.UNICODE),
  number = ProtoField.int64("sumproto.number", "Number"),
  big_number = ProtoField.string("sumproto.big_number", "Number of more than 15 digits"),
  sum = ProtoField.int64("sumproto.sum", "Sum"),
  dialect = ProtoField.string("sumproto.dialect", "Dialect"),
  error = ProtoField.string("sumproto.error", "Error"),
  explanation = ProtoField.string("sumproto.explanation", "Explanation", base.UNICODE),
  request_in = ProtoField.framenum(
    "sumproto.request_in", "Request in", base.NONE, frametype.REQUEST),
  response_in = ProtoField.framenum(
    "sumproto.response_in", "Reply in", base.NONE, frametype.RESPONSE),
  continued_in = ProtoField.framenum("sumproto.continued_in", "Continued in"),
  time = ProtoField.relative_time("sumproto.time", "Response time"),
}
sumproto.fields = fields

local experts = {
  malformed = ProtoExpert.new(
    "sumproto.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
  too_long = ProtoExpert.new(
    "sumproto.too_long", "Too long", expert.group.MALFORMED, expert.severity.ERROR),
  out_of_range = ProtoExpert.new(
    "sumproto.out_of_range", "Out of range", expert.group.PROTOCOL, expert.severity.WARN),
}
sumproto.experts = experts

-- What is read is a table: of a message, `name`, `number` (normal digits) and `dialect`, with the
-- places of both; of an error reply, `error` and `explanation`; of anything else, `wrong` says why,
-- or `aside` what it is. All but what is wrong have `stop`, the index of the last byte.

local function wrong(why)
  return { wrong = why, expert = experts.malformed }
end

local function too_long()
  return { wrong = "a message has at most 1024 bytes", expert = experts.too_long }
end

-- Characters -----------------------------------------------------------------------------------

-- The smallest code point that takes as many bytes.
local SMALLEST = { 0, 0x80, 0x800, 0x10000 }

-- What does not print: controls, formats, private use, and blanks but the space.
local NOT_PRINTING = {
  { 0, 0x1F }, { 0x7F, 0xA0 }, { 0xAD, 0xAD }, { 0x600, 0x605 }, { 0x61C, 0x61C },
  { 0x6DD, 0x6DD }, { 0x70F, 0x70F }, { 0x890, 0x891 }, { 0x8E2, 0x8E2 }, { 0x1680, 0x1680 },
  { 0x180E, 0x180E }, { 0x2000, 0x200F }, { 0x2028, 0x202F }, { 0x205F, 0x206F },
  { 0x3000, 0x3000 }, { 0xE000, 0xF8FF }, { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB },
  { 0x110BD, 0x110BD }, { 0x110CD, 0x110CD }, { 0x13430, 0x13438 }, { 0x1BCA0, 0x1BCA3 },
  { 0x1D173, 0x1D17A }, { 0xE0000, 0xE007F }, { 0xF0000, 0x10FFFF },
}

-- The code point at `at` and the index behind it; nil if that is no UTF-8.
local function code_point(text, at)
  local lead = text:byte(at)
  if lead < 0x80 then
    return lead, at + 1
  end
  local size = lead < 0xE0 and 2 or lead < 0xF0 and 3 or 4
  local code = lead % 2 ^ (7 - size)
  for i = at + 1, at + size - 1 do
    local byte = text:byte(i)
    if not byte or byte < 0x80 or byte > 0xBF then
      return nil
    end
    code = code * 64 + byte % 64
  end
  local is_surrogate = code >= 0xD800 and code <= 0xDFFF
  if lead < 0xC0 or lead > 0xF7 or code < SMALLEST[size] or code > 0x10FFFF or is_surrogate then
    return nil
  end
  return code, at + size
end

local function prints(code)
  for _, range in ipairs(NOT_PRINTING) do
    if code <= range[2] then
      return code < range[1]
    end
  end
  return true
end

-- How many characters `text` has, and whether all print; nil if it is no UTF-8.
local function count_characters(text)
  if not text:find("[^ -~]") then
    return #text, true
  end
  local count, all_print, at = 0, true, 1
  while at <= #text do
    local code
    code, at = code_point(text, at)
    if not code then
      return nil
    end
    count = count + 1
    all_print = all_print and prints(code)
  end
  return count, all_print
end

-- `text` as it may be shown: whole if it prints, else with its bytes escaped.
local function escape(text)
  local _, all_print = count_characters(text)
  return all_print and text or (text:gsub("[%c\128-\255]", function(byte)
    return ("\\x%02x"):format(byte:byte())
  end))
end

-- Names and numbers ----------------------------------------------------------------------------

-- What is wrong with `name`, which has no blanks around it; nil if nothing is.
local function check_name(name)
  local count, all_print = count_characters(name)
  if not count then
    return "it is not UTF-8"
  elseif count == 0 then
    return "there is no name"
  elseif count > MAX_NAME then
    return ("a name of %d characters; %d are allowed"):format(count, MAX_NAME)
  elseif not all_print then
    return "the name has characters that do not print"
  end
end

-- The digits of an integer with no needless sign or zero.
local function normalize(number)
  local sign, digits = number:match("^([+-]?)0*(%d+)$")
  return (sign == "-" and digits ~= "0" and "-" or "") .. digits
end

-- A normal number as a Lua number; nil if it has more digits than that holds.
local function to_value(number)
  return number and #number:gsub("-", "") <= EXACT_DIGITS and tonumber(number) or nil
end

local function in_range(number)
  local value = to_value(number)
  return value ~= nil and value >= 1 and value <= 100
end

-- The message of a name and a number, and where they are.
local function make(name, name_at, number, number_at, dialect)
  local blanks, trimmed = name:match("^([ \t]*)(.-)[ \t]*$")
  local why = check_name(trimmed)
  if why then
    return wrong(why)
  end
  return {
    name = trimmed,
    name_at = name_at + #blanks,
    name_size = #trimmed,
    number = normalize(number),
    number_at = number_at,
    number_size = #number,
    dialect = dialect,
  }
end

-- Text -----------------------------------------------------------------------------------------

local DIALECTS = { [","] = "comma", [";"] = "semicolon", [":"] = "colon", ["|"] = "pipe" }

-- Name, separator and integer of a text that ends in an integer behind a separator; nil if it
-- does not.
local function divide(text)
  local head, number = text:match("^(.-)([+-]?%d+)$")
  if not head then
    return nil
  end
  local name = head:match("^(.-)[ \t]*$"):gsub("[,;:|]$", ""):match("^(.-)[ \t]*$")
  local separator = head:sub(#name + 1)
  if separator ~= "" then
    return name, separator, number
  end
end

-- What is wrong with `text` if it ends as the first line of an HTTP request does; nil if it does not.
local function check_no_http(text)
  return text:upper():match("[ \t]HTTP/[%d.]+[ \t]*$") and "this is an HTTP request"
end

-- `text` as a message with a separator, with or without a valid name; nil if it has no number at
-- either end.
local function read_separated(text)
  local message
  local name, separator, number = divide(text)
  if name then
    local dialect = DIALECTS[separator:match("[,;:|]")] or "space"
    message = make(name, 1, number, #text - #number + 1, dialect)
  else
    number, separator, name = text:match("^([+-]?%d+)([ \t]*[,;:|][ \t]*)(.+)$")
    if not name then
      number, separator, name = text:match("^([+-]?%d+)([ \t]+)(.+)$")
    end
    if not name then
      return nil
    end
    local why = check_no_http(text)
    message = why and wrong(why) or make(name, #number + #separator + 1, number, 1, "number-first")
  end
  message.separator = separator
  return message
end

-- `text` as an error; nil if it is none.
local function read_error(text)
  local code, explanation = text:match("^ERROR ([a-z-]+): (.*)%.$")
  return code and count_characters(text) and { error = code, explanation = explanation } or nil
end

-- What is wrong with a line that has to be the name of two lines; nil if nothing is.
local function check_name_line(text)
  if read_error(text) then
    return "an error where a request was due"
  elseif check_no_http(text) then
    return check_no_http(text)
  elseif text:match("^[+-]?%d+$") then
    return "there is no name"
  end
  local first, last = text:match("^[^,;:| \t]*"), text:match("[^,;:| \t]*$")
  for _, field in ipairs({ last, first }) do
    if field:match("^[+-]?%.?%d[%d._eE+-]*$") and not field:match("^[+-]?%d+$") then
      return "the number is not an integer"
    end
  end
  if last == "" and text ~= "" then
    return "there is no number behind the last separator"
  end
  return check_name(text:match("^[ \t]*(.-)[ \t]*$"))
end

-- The first line of `data`, with its number on the line that is from `from` to `to`.
local function read_two_lines(data, from, to)
  local name, number = data:sub(1, from - 1):match("^(.-)\r?\n$"), data:sub(from, to)
  local why = check_name_line(name)
  if why then
    return wrong(why)
  elseif not number:match("^[+-]?%d+$") then
    return wrong("behind a line with a name there is no line with a number")
  end
  return make(name, 1, number, from, "two-lines")
end

-- `data`, as text that only silence ends; nil if it is no message. `is_request` tells whether an
-- error may be one.
local function finish_text(data, is_request)
  local message
  local first, last = data:match("^(.*\n)([^\n]*)$")
  if not first and count_characters(data) then
    message = not is_request and read_error(data) or read_separated(data)
  elseif first and last:match("^[+-]?%d+$") then
    message = read_two_lines(data, #first + 1, #data)
  end
  if message then
    message.stop, message.newline_may_follow = #data, true
  end
  return message
end

-- What is wrong with text that has no end yet or is over the limit, beyond which there may be only
-- more digits; nil if nothing is.
local function check_length(data)
  local head = data:sub(1, MAX_MESSAGE + 1)
  if head:find("[\0-\8\11\12\14-\31\127]") then
    return wrong("there are control characters in it")
  elseif #data > MAX_MESSAGE then
    local message = finish_text(head:match("^(.-)\r?\n?$"), true)
    local is_valid = message and not message.wrong and #data <= LONGEST
    if not is_valid or not data:match("^%d*\r?\n?$", MAX_MESSAGE + 1) then
      return too_long()
    end
  end
end

-- The second half of `take_text`: its name is the line that ends at `first`.
local function take_two_lines(data, first)
  local second = data:find("\n", first + 1, true)
  local message = check_length(data:sub(1, second))
  if not message and second then
    local from, to = first + 1, second - 1
    message = read_two_lines(data, from, data:byte(to) == 13 and to - 1 or to)
    message.stop = second
  end
  return message
end

-- The text at the beginning of `data`; nil if its end is not there yet.
local function take_text(data, is_request)
  local stop = data:find("\n", 1, true)
  if not stop or stop > MAX_MESSAGE then
    local bad = check_length(data:sub(1, stop))
    if bad or not stop then
      return bad
    end
  end
  local text = data:sub(1, stop):match("^(.-)\r?\n$")
  local message = read_separated(text) or not is_request and read_error(text) or nil
  if message then
    message.stop = stop
    return message
  end
  local why = check_name_line(text)
  return why and wrong(why) or take_two_lines(data, stop)
end

-- JSON -----------------------------------------------------------------------------------------

local UNESCAPED = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

-- The index of the quote that ends the string which begins at `start`; nil if there is none.
local function string_end(text, start)
  local at = start + 1
  while true do
    at = text:find('["\\]', at)
    if not at or text:sub(at, at) == '"' then
      return at
    end
    at = at + 2
  end
end

-- The index of the brace that ends the object at the beginning of `data`; nil if there is none.
local function object_end(data)
  local at = 1
  while true do
    at = data:find('["}]', at + 1)
    if not at or data:sub(at, at) == "}" then
      return at
    end
    at = string_end(data, at)
    if not at then
      return nil
    end
  end
end

local function encode_utf8(code)
  if code < 0x80 then
    return string.char(code)
  end
  local size = code < 0x800 and 2 or code < 0x10000 and 3 or 4
  local bytes = ""
  for _ = 2, size do
    bytes = string.char(0x80 + code % 64) .. bytes
    code = (code - code % 64) / 64
  end
  return string.char(256 - 2 ^ (8 - size) + code) .. bytes
end

-- The code point of the \u at `at`, with its other half if it is a surrogate, and the index behind;
-- nil if there is none.
local function read_hex(text, at)
  local high = tonumber(text:match("^\\u(%x%x%x%x)", at) or "", 16)
  local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 6) or "", 16)
  if high and low and high >= 0xD800 and high < 0xDC00 and low >= 0xDC00 and low < 0xE000 then
    return 0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00, at + 12
  end
  return high, at + 6
end

-- What the JSON string with `inner` between its quotes says; nil if it is none. Half a surrogate
-- makes it no UTF-8.
local function unescape(inner)
  if inner:find("[\0-\31]") then
    return nil
  end
  local result, at = {}, 1
  while at <= #inner do
    local plain, simple = inner:match("^[^\\]+", at), UNESCAPED[inner:match("^\\(.)", at)]
    if plain or simple then
      table.insert(result, plain or simple)
      at = at + (plain and #plain or 2)
    else
      local code
      code, at = read_hex(inner, at)
      if not code then
        return nil
      end
      table.insert(result, encode_utf8(code))
    end
  end
  return table.concat(result)
end

-- The member that begins at `at`, and the index behind it; nil if there is none.
local function read_member(text, at)
  local key_at = text:match('^[ \t\r\n]*()"', at)
  local key_stop = key_at and string_end(text, key_at)
  local value_at = key_stop and text:match("^[ \t\r\n]*:[ \t\r\n]*()", key_stop + 1)
  local key = value_at and unescape(text:sub(key_at + 1, key_stop - 1))
  if not key then
    return nil
  end
  local member = { key = key, at = value_at }
  local value_stop
  if text:sub(value_at, value_at) == '"' then
    value_stop = string_end(text, value_at)
    member.string = value_stop and unescape(text:sub(value_at + 1, value_stop - 1))
  else
    member.integer = text:match("^[+-]?%d+", value_at)
    value_stop = member.integer and value_at + #member.integer - 1
  end
  local behind = value_stop and text:match("^[ \t\r\n]*[,}]()", value_stop + 1)
  if behind and (member.string or member.integer) then
    member.size = value_stop - value_at + 1
    return member, behind
  end
end

-- The members of the object that is `text`, by key and in order; nil if it is none.
local function read_members(text)
  local members, by_key, at = {}, {}, 2
  while at <= #text do
    local member
    member, at = read_member(text, at)
    if not member or by_key[member.key] then
      return nil
    end
    by_key[member.key] = member
    table.insert(members, member)
  end
  return members, by_key
end

local function read_object(text, is_request)
  local members, by_key = read_members(text)
  if not count_characters(text) then
    return wrong("it is not UTF-8")
  elseif not members then
    return wrong("it is not a flat JSON object")
  end
  local strings, integers = {}, {}
  for _, member in ipairs(members) do
    local is_aside = member.key == "id" or member.key == "sum" and not is_request
    if #members < 3 or not is_aside then
      table.insert(member.string and strings or integers, member)
    end
  end
  local name, number = strings[1], integers[1]
  if #strings == 1 and #integers == 1 then
    local message = make(name.string, name.at, number.integer, number.at, "json")
    message.name_at, message.name_size = name.at, name.size
    return message
  end
  local code, detail = by_key.error, by_key.detail
  if code and code.string and not is_request then
    local explanation = detail and (detail.string or detail.integer) or ""
    return { error = code.string, explanation = explanation, dialect = "json" }
  end
  return wrong("an object has one string and one integer")
end

-- The object at the beginning of `data`, with a newline behind it; nil if its end is not there yet.
local function take_object(data, is_request)
  local brace = object_end(data:sub(1, MAX_MESSAGE))
  if not brace then
    return #data > MAX_MESSAGE and too_long() or nil
  end
  local message = read_object(data:sub(1, brace), is_request)
  local behind = data:match("^\r?\n()", brace + 1)
  message.stop = behind and behind - 1 or brace
  message.newline_may_follow = not behind
  return message
end

-- Records --------------------------------------------------------------------------------------

-- The 32 bits at `at` as digits.
local function read_i32(data, at)
  local a, b, c, d = data:byte(at, at + 3)
  return ("%d"):format((a >= 0x80 and a - 0x100 or a) * 0x1000000 + b * 0x10000 + c * 0x100 + d)
end

-- The record at the beginning of `data`; nil if its end is not there yet.
local function take_record(data)
  local high, low = data:byte(1, 2)
  if not low then
    return nil
  end
  local stop = 2 + high * 256 + low
  if stop > MAX_MESSAGE then
    return too_long()
  elseif #data < stop then
    return nil
  end
  local text = data:sub(3, stop)
  local name, _, number = divide(text)
  if not count_characters(text) then
    return wrong("it is not UTF-8")
  elseif name and name ~= "" then
    local message = make(name, 3, number, stop - #number + 1, "text-record")
    message.stop = stop
    return message
  end
  local why = check_name(text:match("^[ \t]*(.-)[ \t]*$"))
  if why or stop + 4 > MAX_MESSAGE then
    return why and wrong(why) or too_long()
  elseif #data < stop + 4 then
    return nil
  end
  local message = make(text, 3, read_i32(data, stop + 1), stop + 1, "record")
  message.number_size, message.stop = 4, stop + 4
  return message
end

-- Messages -------------------------------------------------------------------------------------

local function is_text(data)
  local first = data:byte(1)
  return first > 3 and first ~= 0x7B
end

-- `message`, which may be text over the limit only for the digits of a number out of range.
local function limit(message)
  if message and message.name and message.stop > MAX_MESSAGE and in_range(message.number) then
    return too_long()
  end
  return message
end

-- What is at the beginning of `data`; nil if its end is not there yet.
local function take(data, is_request, newline_may_follow)
  local behind = newline_may_follow and data:match("^\r?\n()")
  if behind then
    return { aside = "Newline of the message before", stop = behind - 1 }
  end
  behind = not is_request and data:match("^[+-]?%d+\r?\n()")
  if behind then
    return { aside = "Sum, as a line behind the reply", stop = behind - 1 }
  elseif is_text(data) then
    return limit(take_text(data, is_request))
  elseif data:byte(1) == 0x7B then
    return take_object(data, is_request)
  end
  return take_record(data)
end

-- `data` as a message that ends in silence; nil if it is none.
local function finish(data, is_request)
  return is_text(data) and limit(finish_text(data, is_request)) or nil
end

-- `data` as a datagram, which is one message. Behind that of a reply, our client reads nothing.
local function take_datagram(data, is_request)
  local message = take(data, is_request, false) or finish(data, is_request)
  if not message or message.aside then
    return wrong("it is no whole message")
  elseif is_request and not message.wrong and message.stop < #data then
    return wrong("there is more in the datagram than a message")
  end
  message.stop = #data
  return message
end

-- `message`, but if it is a reply to `request` with the sum as a third field, without that. Then
-- what was read as the name and the number are all three: "Server of Bob,58" and 100.
local function without_sum(message, request)
  if not (request and message.name and message.separator) then
    return message
  end
  local inner = read_separated(message.name)
  local ours, theirs = to_value(request.number), inner and to_value(inner.number)
  if not theirs or inner.separator ~= message.separator then
    return message
  elseif not ours or ours + theirs ~= to_value(message.number) then
    return message
  end
  inner.stop, inner.newline_may_follow = message.stop, message.newline_may_follow
  inner.name_at = inner.name_at + message.name_at - 1
  inner.number_at = inner.number_at + message.name_at - 1
  return inner
end

-- Exchanges ------------------------------------------------------------------------------------

-- What is open between two addresses and ports, by the way of a packet between them: whether that
-- is the way of requests, and the stream: requests that wait for a reply, and for either direction
-- what its last segment leaves to the next. Only the first look at a packet needs the stream.
local ways

-- What the first look at a packet found, by its number: how it begins, and a record of each
-- message. Later looks show the same, with what has become of it since.
local packets

function sumproto.init()
  ways, packets = {}, {}
end

local function is_tcp(pinfo)
  return pinfo.port_type ~= UDP
end

-- The keys in `ways` of the way of a packet, and of the way back.
local function keys(pinfo)
  local from = tostring(pinfo.src) .. " " .. pinfo.src_port
  local to = tostring(pinfo.dst) .. " " .. pinfo.dst_port
  local key = pinfo.port_type .. " "
  return key .. from .. " " .. to, key .. to .. " " .. from
end

local function clear(stream)
  stream.waiting, stream.first, stream.last = {}, 1, 0
  stream.rests = { [true] = { begun = "" }, [false] = { begun = "" } }
end

-- Begins a stream with a packet from or to the port of a server, and forgets one before.
local function open(pinfo)
  local stream = {}
  clear(stream)
  local is_request = pinfo.dst_port == pinfo.match
  local forth, back = keys(pinfo)
  ways[back] = { stream = stream, is_request = not is_request }
  ways[forth] = { stream = stream, is_request = is_request }
end

-- What a look at a packet begins with, and on the first its stream. A later look may be the only
-- one: TCP may then give us bytes that it did not give us before. They stand alone.
local function look(pinfo)
  local packet = packets[pinfo.number]
  if packet and pinfo.visited then
    return packet
  end
  local way = ways[keys(pinfo)]
  local rest = pinfo.visited and { begun = "" } or way.stream.rests[way.is_request]
  packet = {
    number = pinfo.number,
    time = pinfo.rel_ts,
    is_request = way.is_request,
    is_datagram = not is_tcp(pinfo),
    begun = rest.begun,
    newline_may_follow = rest.newline_may_follow,
    records = {},
  }
  if pinfo.visited then
    return packet
  end
  packets[pinfo.number] = packet
  return packet, way.stream
end

local function remember_request(stream, record)
  if record.packet.is_datagram then
    stream.waiting, stream.first, stream.last = {}, 1, 0
  end
  stream.last = stream.last + 1
  stream.waiting[stream.last] = record
  stream.rests[false].begun = "" -- who goes on asking has taken the last reply as whole
end

local function remember_reply(stream, record)
  local request = stream.waiting[stream.first]
  if not request then
    return
  end
  stream.waiting[stream.first] = nil
  stream.first = stream.first + 1
  record.partner, request.partner = request, record
  if stream.rests[true].record == request then
    stream.rests[true].begun = "" -- what is answered was whole
  end
end

-- Forgets a message that was only the beginning of one in `packet`.
local function take_back(stream, record, packet)
  record.continued_in = packet.number
  local request = record.partner
  if packet.is_request then
    stream.waiting[stream.last] = nil
    stream.last = stream.last - 1
  elseif request then
    stream.first = stream.first - 1
    stream.waiting[stream.first] = request
    record.partner, request.partner = nil, nil
  end
end

local function resolve(message, record)
  return without_sum(message, not record.packet.is_request and record.partner)
end

-- Records the messages of a packet at the first look at it, and matches requests and replies.
local function remember(stream, packet, messages)
  if #messages > 0 and packet.begun ~= "" then
    take_back(stream, stream.rests[packet.is_request].record, packet)
  end
  for index, message in ipairs(messages) do
    local record = { packet = packet }
    packet.records[index] = record
    local gets_reply = not (packet.is_datagram and message.wrong)
    if packet.is_request and gets_reply and not message.aside then
      remember_request(stream, record)
    elseif not packet.is_request and not message.aside then
      remember_reply(stream, record)
    end
    record.number = resolve(message, record).number
  end
end

-- What is shown --------------------------------------------------------------------------------

local function shorten(number)
  return #number <= SHOWN and number or ("%s... (%d digits)"):format(number:sub(1, SHOWN), #number)
end

-- The sum of a message and its partner; nil if there is none.
local function sum_of(record)
  local ours = to_value(record.number)
  local theirs = record.partner and to_value(record.partner.number)
  return ours and theirs and ours + theirs
end

-- One line about a message.
local function describe(message, record)
  local what = record.packet.is_request and "Request" or "Reply"
  if message.aside then
    return message.aside
  elseif record.continued_in then
    return ("%s, continued in frame %d"):format(what, record.continued_in)
  elseif message.wrong then
    return ("Malformed %s: %s"):format(what:lower(), message.wrong)
  elseif message.error then
    return "Error: " .. escape(message.error)
  end
  local line = ("%s: %s, %s"):format(what, message.name, shorten(message.number))
  local sum = not record.packet.is_request and sum_of(record)
  return sum and ("%s, sum %d"):format(line, sum) or line
end

local function add_name_and_number(item, range, message)
  item:add(fields.name, range:range(message.name_at - 1, message.name_size), message.name)
  local number_range = range:range(message.number_at - 1, message.number_size)
  local value = to_value(message.number)
  if value then
    item:add(fields.number, number_range, Int64.new(value))
  else
    item:add(fields.big_number, number_range, message.number)
  end
  if not in_range(message.number) then
    local why = shorten(message.number) .. " is out of range"
    item:add_proto_expert_info(experts.out_of_range, why)
  end
end

local function add_content(item, range, message)
  if message.wrong then
    item:add_proto_expert_info(message.expert, message.wrong)
    return
  end
  if message.dialect then
    item:add(fields.dialect, message.dialect):set_generated()
  end
  if message.error then
    item:add(fields.error, range, escape(message.error))
    item:add(fields.explanation, range, escape(message.explanation))
  else
    add_name_and_number(item, range, message)
  end
end

-- What follows from a message and its partner.
local function add_links(item, record, partner)
  local sum = sum_of(record)
  if sum then
    item:add(fields.sum, Int64.new(sum)):set_generated()
  end
  if record.packet.is_request then
    item:add(fields.response_in, partner.packet.number):set_generated()
    return
  end
  item:add(fields.request_in, partner.packet.number):set_generated()
  local nanoseconds = math.floor((record.packet.time - partner.packet.time) * 1e9 + 0.5)
  local time = NSTime.new(math.floor(nanoseconds / 1e9), nanoseconds % 1e9)
  item:add(fields.time, time):set_generated()
end

local function show(message, record, range, tree, columns)
  local line = describe(message, record)
  columns.info:append(line)
  local item = tree:add(sumproto, range, "Sum Exchange, " .. line)
  if record.continued_in then
    item:add(fields.continued_in, record.continued_in):set_generated()
  elseif not message.aside then
    add_content(item, range, message)
  end
  if record.partner then
    add_links(item, record, record.partner)
  end
end

-- The dissector --------------------------------------------------------------------------------

-- What is next in `data`, and whether only silence may have ended it; nil if more has to come.
local function read(data, packet, newline_may_follow)
  if packet.is_datagram then
    return take_datagram(data, packet.is_request), false
  end
  local message = take(data, packet.is_request, newline_may_follow)
  if message then
    return message, false
  end
  return finish(data, packet.is_request), true
end

-- All that is in `data`, and what it leaves to the next segment.
local function read_all(data, packet)
  local messages = {}
  local rest = { begun = "", newline_may_follow = packet.newline_may_follow, at = 1 }
  while rest.at <= #data do
    local following = data:sub(rest.at, rest.at + LONGEST)
    local message, is_open = read(following, packet, rest.newline_may_follow)
    if not message then
      break
    end
    message.at = rest.at
    message.size = message.wrong and #data - rest.at + 1 or message.stop
    rest.at = rest.at + message.size
    rest.begun = is_open and following or ""
    rest.newline_may_follow = message.newline_may_follow
    table.insert(messages, message)
  end
  return messages, rest
end

local function show_all(messages, packet, tvb, pinfo, tree)
  if #messages > 0 then
    pinfo.cols.protocol = "SUM"
    pinfo.cols.info:clear()
  end
  for index, message in ipairs(messages) do
    -- Where segments overlap and differ, TCP may give us other bytes than at the first look.
    local record = packet.records[index] or { packet = packet }
    local range = tvb:range(message.at - 1, message.size)
    pinfo.cols.info:append(index > 1 and "; " or "")
    show(resolve(message, record), record, range, tree, pinfo.cols)
  end
  pinfo.cols.info:fence()
end

-- Whether a packet cannot be read. A part of one may have been anything: which requests wait behind
-- it, nobody knows.
local function is_unreadable(tvb, pinfo)
  local is_cut = tvb:captured_len() < tvb:reported_len()
  local way = ways[keys(pinfo)]
  if is_cut and way and not (pinfo.visited or pinfo.in_error_pkt) then
    clear(way.stream)
  end
  return is_cut or pinfo.in_error_pkt
end

local function dissect(tvb, pinfo, tree)
  local packet, stream = look(pinfo)
  local data = packet.begun .. tvb:raw()
  if packet.begun ~= "" then
    tvb = ByteArray.new(data, true):tvb("Message in several segments")
  end
  local messages, rest = read_all(data, packet)
  if stream then
    remember(stream, packet, messages)
    rest.record = packet.records[#messages]
  end
  if stream and #messages > 0 then
    stream.rests[packet.is_request] = rest
  end
  show_all(messages, packet, tvb, pinfo, tree)
  if rest.at <= #data and pinfo.can_desegment > 0 then
    pinfo.desegment_offset = math.max(0, rest.at - 1 - #packet.begun)
    pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
  end
end

-- TCP gives a segment to `connection` if its connection was here before, else to `sumproto`. So what
-- comes to `sumproto` begins a connection, even between ports that had another. The field tcp.stream
-- would tell as much, but has no value at the first of two looks if no filter asks for fields.
local connection = Proto("sumproto_connection", "Sum Exchange, Connection")

function connection.dissector(tvb, pinfo, tree)
  return is_unreadable(tvb, pinfo) and 0 or dissect(tvb, pinfo, tree)
end

function sumproto.dissector(tvb, pinfo, tree)
  if is_unreadable(tvb, pinfo) then
    return 0
  end
  local is_new = is_tcp(pinfo) and not pinfo.visited
  if is_new then
    pinfo.conversation = connection
  end
  if is_new or not ways[keys(pinfo)] then
    open(pinfo)
  end
  return dissect(tvb, pinfo, tree)
end

-- Ports ----------------------------------------------------------------------------------------

local tables = { DissectorTable.get("tcp.port"), DissectorTable.get("udp.port") }
local ports = "12000"

sumproto.prefs.ports = Pref.range("Ports", ports, "TCP and UDP ports of servers", 65535)

local function register()
  for _, ports_of in ipairs(tables) do
    ports_of:add(ports, sumproto)
  end
end

function sumproto.prefs_changed()
  for _, ports_of in ipairs(tables) do
    ports_of:remove(ports, sumproto)
  end
  ports = sumproto.prefs.ports
  register()
end

for _, ports_of in ipairs(tables) do
  ports_of:add_for_decode_as(sumproto)
end
register()
