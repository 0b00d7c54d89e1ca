// SPDX-License-Identifier: ISC
/* A client of sshj: see ssh_clients.py. */
import java.io.InputStream;
import java.util.Arrays;

import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.connection.channel.direct.DirectConnection;

public class SshjClient {
	static SSHClient ssh;
	static String host;
	static byte[] data;

	static DirectConnection open(String port) throws Exception {
		return ssh.newDirectConnection(host, Integer.parseInt(port));
	}

	static byte[] exchange(DirectConnection c) throws Exception {
		Thread sender = new Thread(() -> {
			try {
				c.getOutputStream().write(data);
				/* close() drops what the window holds back. */
				c.getOutputStream().flush();
				c.getOutputStream().close();
			} catch (Exception e) {
				throw new RuntimeException(e);
			}
		});
		sender.start();
		byte[] back = c.getInputStream().readAllBytes();
		sender.join();
		c.close();
		return back;
	}

	public static void main(String[] a) throws Exception {
		data = new byte[Integer.parseInt(a[5])];
		for (int i = 0; i < data.length; i++)
			data[i] = (byte)(i * 31 + i / 251);
		host = a[4] + ".orthrus";
		ssh = new SSHClient();
		ssh.addHostKeyVerifier(a[3]);
		ssh.connect("127.0.0.1", Integer.parseInt(a[0]));
		ssh.authPublickey(a[1], a[2]);

		System.out.println("echo " + Arrays.equals(exchange(open(a[6])),
		    data));
		System.out.println("digest " + new String(exchange(open(a[7]))));
		DirectConnection c = open(a[8]);
		InputStream in = c.getInputStream();
		System.out.println("speaks " + in.readAllBytes().length);
		c.close();
		c = open(a[9]);
		c.getOutputStream().write(data);
		c.getOutputStream().flush();
		c.close();
		try {
			open(a[10]);
		} catch (Exception e) {
			System.out.println("refused " + e.getMessage());
		}
		ssh.disconnect();
		System.exit(0);
	}
}
