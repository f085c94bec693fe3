# tproxy: shim. Takes the place of OpenNebula's file of this name: the stock drivers call it, `tproxy up` and `down` act.
require 'digest'
require 'open3'

module VNMMAD
    # Transparent proxies.
    module TProxy
        # A copy that only root can write to, where there is one (docs/security.md, "sudo").
        SAFE = '/usr/local/lib/one-tproxy/vnm/tproxy'
        EXECUTABLE = File.executable?(SAFE) ? SAFE : File.join(__dir__, 'tproxy')

        # direction: :up before a VM starts, :down when the last guest has left the bridge of the NIC.
        # Raises with what tproxy said when it fails.
        def self.setup_tproxy(nic, direction)
            root = Process.euid.zero? ? [] : ['sudo', '-n']
            # sudoers allows this command line without arguments, so the NIC goes to standard input, as it does from the hooks.
            _, messages, status = Open3.capture3(*root, EXECUTABLE, direction.to_s, :stdin_data => template(nic, direction))
            $stderr.print(messages)
            raise "tproxy #{direction} of bridge #{nic[:bridge]} failed: #{messages.lines.last}" unless status.success?
        end

        # Name of the bridge port that leads to the proxy; it is no guest.
        def self.veth(nic)
            bridge = nic[:bridge].to_s
            bridge = "otp#{Digest::SHA256.hexdigest(bridge)[0, 10]}" if bridge.bytesize >= 15
            "#{bridge}b"
        end

        def self.template(nic, direction)
            vm_id = nic[:target].to_s[/\Aone-(\d+)-\d+\z/, 1] or raise "tproxy: #{nic[:target].inspect} is no one-<vm>-<nic>"
            # The stock drivers call :down for the last one only.
            keys = { 'LAST_GUEST' => direction == :down ? 'YES' : 'NO' }
            [:bridge, :network, :network_id, :nic_id, :target, :mac].each {|key| keys[key.to_s.upcase] = nic[key] }
            fields = keys.map {|key, value| "<#{key}>#{value.to_s.encode(:xml => :text)}</#{key}>" }
            ["<VM><ID>#{vm_id}</ID><TEMPLATE><NIC>#{fields.join}</NIC></TEMPLATE></VM>"].pack('m0')
        end
        private_class_method :template
    end
end
